// Numbers that one thread counts and any thread reads.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace bimip::engine {

// add() on one thread only, which costs no more than adding to a plain number; value() on any.
class Counter {
 public:
  void add(std::uint64_t more = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// As Counter; values by size. A value is in the first bucket whose bound is not below it, or behind
// the last one.
template <std::size_t kBuckets>
class Histogram {
 public:
  using Bounds = std::array<std::uint64_t, kBuckets>;
  explicit Histogram(const Bounds& bounds) : bounds_(bounds) {}

  void observe(std::uint64_t value) {
    const auto at = std::ranges::lower_bound(bounds_, value);
    counts_[static_cast<std::size_t>(at - bounds_.begin())].add();
    sum_.add(value);
  }
  [[nodiscard]] const Bounds& bounds() const { return bounds_; }
  // Of bucket `i`; kBuckets: of those behind the last bound.
  [[nodiscard]] std::uint64_t count(std::size_t i) const { return counts_[i].value(); }
  [[nodiscard]] std::uint64_t sum() const { return sum_.value(); }

 private:
  const Bounds& bounds_;
  std::array<Counter, kBuckets + 1> counts_{};
  Counter sum_;
};

// Bounds of times, in nanoseconds: 50 us to 10 s.
inline constexpr std::array<std::uint64_t, 17> kTimeBounds{
    50'000,      100'000,       250'000,       500'000,       1'000'000,     2'500'000,
    5'000'000,   10'000'000,    25'000'000,    50'000'000,    100'000'000,   250'000'000,
    500'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};
using TimeHistogram = Histogram<kTimeBounds.size()>;

}  // namespace bimip::engine
