// How many sessions each entity has, over all shards.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "engine/base/thread_annotations.h"

namespace bimip::frontend {

// Thread-safe. Outlives its entries. Holds one count for each entity that has a session.
class EntityCount {
 public:
  // One session of an entity, counted until it is destroyed. Movable.
  class Entry {
   public:
    Entry(Entry&& other) noexcept
        : count_(std::exchange(other.count_, nullptr)), eid_(std::move(other.eid_)) {}
    Entry& operator=(Entry&&) = delete;
    ~Entry() {
      if (count_ != nullptr) count_->remove(eid_);
    }

   private:
    friend class EntityCount;
    Entry(EntityCount& count, std::string eid) : count_(&count), eid_(std::move(eid)) {}
    EntityCount* count_;
    std::string eid_;
  };

  explicit EntityCount(std::size_t sessions_max) : sessions_max_(sessions_max) {}
  // None: the entity has as many as it may.
  [[nodiscard]] std::optional<Entry> add(const std::string& eid) {
    const engine::MutexLock lock(mutex_);
    std::size_t& sessions = sessions_[eid];
    if (sessions >= sessions_max_) return std::nullopt;
    ++sessions;
    return Entry(*this, eid);
  }

 private:
  void remove(const std::string& eid) {
    const engine::MutexLock lock(mutex_);
    const auto at = sessions_.find(eid);
    if (--at->second == 0) sessions_.erase(at);
  }

  const std::size_t sessions_max_;
  engine::Mutex mutex_;
  std::unordered_map<std::string, std::size_t> sessions_ GUARDED_BY(mutex_);
};

}  // namespace bimip::frontend
