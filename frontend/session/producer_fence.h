// Keeps a producer's order in one partition when one of its numbers is refused.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include "engine/base/thread_annotations.h"

namespace bimip::frontend {

// Numbers are on their way to the log several at a time. When one is refused and may be sent again,
// those behind it must not be stored before it: they are refused as well, until it is sent again.
// One for each session and partition. Thread-safe; passes() is called on the partition's writer
// thread, in the order in which the log takes numbers. A refusal may overtake numbers before it
// that wait for that thread, so what lifts the fence is told by when it was sent, not by when it
// comes.
class ProducerFence {
 public:
  using Epoch = std::uint64_t;
  // Of a number that is sent now.
  [[nodiscard]] Epoch epoch() const { return epoch_.load(std::memory_order_acquire); }

  void refuse(std::uint64_t number) {
    const engine::MutexLock lock(mutex_);
    if (number >= first_refused_.load(std::memory_order_relaxed)) return;
    first_refused_.store(number, std::memory_order_relaxed);
    epoch_.fetch_add(1, std::memory_order_release);
  }

  // Whether the number may be stored now. The refused one lifts the fence when it was sent after
  // its refusal.
  bool passes(std::uint64_t number, Epoch sent_in) {
    if (first_refused_.load(std::memory_order_relaxed) == kNone) return true;
    const engine::MutexLock lock(mutex_);
    const std::uint64_t first = first_refused_.load(std::memory_order_relaxed);
    if (number < first) return true;
    if (number > first || sent_in < epoch_.load(std::memory_order_relaxed)) return false;
    first_refused_.store(kNone, std::memory_order_relaxed);
    return true;
  }

 private:
  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();
  engine::Mutex mutex_;  // held by who changes them
  std::atomic<std::uint64_t> first_refused_{kNone};
  std::atomic<Epoch> epoch_{0};
};

}  // namespace bimip::frontend
