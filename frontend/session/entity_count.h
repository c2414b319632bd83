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
  using Sessions = std::unordered_map<std::string, std::size_t>;

 public:
  // One session of an entity, counted until it is destroyed or assigned to.
  class Entry {
   public:
    Entry() = default;  // of nobody
    Entry(Entry&& other) noexcept
        : count_(std::exchange(other.count_, nullptr)), entity_(other.entity_) {}
    Entry& operator=(Entry&& other) noexcept {
      std::swap(count_, other.count_);
      std::swap(entity_, other.entity_);
      Entry(std::move(other));  // what this one was
      return *this;
    }
    ~Entry() {
      if (count_ != nullptr) count_->remove(*entity_);
    }

   private:
    friend class EntityCount;
    Entry(EntityCount& count, Sessions::value_type& entity) : count_(&count), entity_(&entity) {}
    EntityCount* count_ = nullptr;
    Sessions::value_type* entity_ = nullptr;  // stays where it is for as long as it is counted
  };

  explicit EntityCount(std::size_t sessions_max) : sessions_max_(sessions_max) {}
  // None: the entity has as many as it may.
  [[nodiscard]] std::optional<Entry> add(const std::string& eid) {
    const engine::MutexLock lock(mutex_);
    Sessions::value_type& entity = *sessions_.try_emplace(eid).first;
    if (entity.second >= sessions_max_) return std::nullopt;
    ++entity.second;
    return Entry(*this, entity);
  }
  // Of one that takes the place of another, whose entry goes at once: however many there are.
  [[nodiscard]] Entry add_in_place(const std::string& eid) {
    const engine::MutexLock lock(mutex_);
    Sessions::value_type& entity = *sessions_.try_emplace(eid).first;
    ++entity.second;
    return Entry(*this, entity);
  }

 private:
  void remove(Sessions::value_type& entity) {
    const engine::MutexLock lock(mutex_);
    if (--entity.second == 0) sessions_.erase(sessions_.find(entity.first));
  }

  const std::size_t sessions_max_;
  engine::Mutex mutex_;
  Sessions sessions_ GUARDED_BY(mutex_);
};

}  // namespace bimip::frontend
