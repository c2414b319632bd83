// Counting what a service has on its way to the log, so that a stop can wait for it.
#pragma once

#include <condition_variable>
#include <cstddef>

#include "engine/base/thread_annotations.h"

namespace bimip::frontend {

// Thread-safe.
class InFlight {
 public:
  void begun() {
    const engine::MutexLock lock(mutex_);
    ++count_;
  }
  // Who waits may take all of this away as soon as it has returned.
  void ended() {
    const engine::MutexLock lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  }
  [[nodiscard]] std::size_t count() {
    const engine::MutexLock lock(mutex_);
    return count_;
  }
  void wait() {
    const engine::MutexLock lock(mutex_);
    while (count_ > 0) none_.wait(mutex_);
  }

 private:
  engine::Mutex mutex_;
  std::size_t count_ GUARDED_BY(mutex_) = 0;
  std::condition_variable_any none_;
};

}  // namespace bimip::frontend
