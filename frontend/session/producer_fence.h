// Keeps a producer's order in one partition when one of its numbers is refused.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

namespace bimip::frontend {

// Numbers are on their way to the log several at a time. When one is refused and may be sent again,
// those behind it must not be stored before it: they are refused as well, until it is sent again.
// One for each session and partition. refuse() and passes() are thread-safe; passes() is called on
// the partition's writer thread, in the order in which the log takes numbers.
class ProducerFence {
 public:
  void refuse(std::uint64_t number) {
    std::uint64_t first = first_refused_.load(std::memory_order_relaxed);
    while (number < first && !first_refused_.compare_exchange_weak(first, number)) {
    }
  }

  // Whether the number may be stored now. The refused one itself, or one before it, lifts the
  // fence.
  bool passes(std::uint64_t number) {
    const std::uint64_t first = first_refused_.load(std::memory_order_relaxed);
    if (first == kNone) return true;
    if (number > first) return false;
    first_refused_.store(kNone, std::memory_order_relaxed);
    return true;
  }

 private:
  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();
  std::atomic<std::uint64_t> first_refused_{kNone};
};

}  // namespace bimip::frontend
