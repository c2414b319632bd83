// Who has blocked whom: kept by awareness, looked at by whatever tells one entity of another.
#pragma once

#include <atomic>
#include <cstddef>
#include <set>
#include <string>
#include <utility>

#include "engine/base/thread_annotations.h"

namespace bimip::frontend {

// Thread-safe. As of when the block was answered. Costs nothing while nobody has blocked anybody.
class Blocks {
 public:
  void set(const std::string& owner, const std::string& other, bool is_blocked) {
    const engine::MutexLock lock(mutex_);
    if (is_blocked) {
      blocked_.emplace(owner, other);
    } else {
      blocked_.erase({owner, other});
    }
    count_ = blocked_.size();
  }
  // Whether `owner` wants to look to `other` as one that is not there.
  [[nodiscard]] bool has(const std::string& owner, const std::string& other) const {
    if (count_ == 0) return false;
    const engine::MutexLock lock(mutex_);
    return blocked_.contains({owner, other});
  }

 private:
  mutable engine::Mutex mutex_;
  std::set<std::pair<std::string, std::string>> blocked_ GUARDED_BY(mutex_);
  std::atomic<std::size_t> count_{0};
};

}  // namespace bimip::frontend
