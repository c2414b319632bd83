// How long to wait before the next try.
#pragma once

#include <algorithm>
#include <chrono>

#include "engine/base/random.h"

namespace bimip::client {

// Doubles from try to try, up to a most; each wait is drawn from its upper half, so that clients
// that failed together do not come back together. Thread-compatible.
class Backoff {
 public:
  static constexpr std::chrono::milliseconds kFirst{50};
  static constexpr std::chrono::milliseconds kMost{2000};
  explicit Backoff(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] std::chrono::milliseconds next() {
    const auto half = static_cast<std::uint64_t>(wait_.count() / 2);
    const std::chrono::milliseconds drawn(half + random_.below(half + 1));
    wait_ = std::min(wait_ * 2, kMost);
    return drawn;
  }
  void reset() { wait_ = kFirst; }

 private:
  engine::Random random_;
  std::chrono::milliseconds wait_ = kFirst;
};

}  // namespace bimip::client
