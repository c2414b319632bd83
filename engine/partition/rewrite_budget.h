// How much of a store's disk and memory the rewriting of segments may take.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "engine/base/limits.h"

namespace bimip::engine {

// One rewrite at a time in a store, at a bounded rate. On the writer loop's thread only.
class RewriteBudget {
 public:
  // A rate of zero: as fast as the disk.
  RewriteBudget(const Clock& clock, std::uint64_t bytes_per_second)
      : clock_(clock), bytes_per_second_(bytes_per_second), since_(clock.monotonic()) {}

  // True: the caller is the one that rewrites, until leave().
  [[nodiscard]] bool enter() {
    if (taken_) return false;
    return taken_ = true;
  }
  void leave() {
    BIMIP_ASSERT(taken_);
    taken_ = false;
  }

  // True: so many bytes may be read and written now. False: ask again at the next tick.
  [[nodiscard]] bool take(std::uint64_t bytes) {
    if (bytes_per_second_ == 0) return true;
    const std::chrono::nanoseconds now = clock_.monotonic();
    const double seconds = std::chrono::duration<double>(now - since_).count();
    since_ = now;
    const auto rate = static_cast<double>(bytes_per_second_);
    available_ = std::min(available_ + seconds * rate, rate / 2);
    if (available_ <= 0) return false;
    available_ -= static_cast<double>(bytes);
    return true;
  }

 private:
  const Clock& clock_;
  const std::uint64_t bytes_per_second_;
  std::chrono::nanoseconds since_;
  double available_ = 1;  // below zero: taken in advance
  bool taken_ = false;
};

}  // namespace bimip::engine
