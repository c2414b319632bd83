// How long to wait before trying again.
#pragma once

#include <chrono>
#include <cstdint>

#include "engine/base/random.h"

namespace bimip::client {

struct BackoffRange {
  std::chrono::milliseconds first{50};
  std::chrono::milliseconds last{3000};
};

// Waits that double from `first` to `last`, each drawn between half of itself and the whole, so
// that clients which lost one server do not come back to it together. Thread-compatible.
class Backoff {
 public:
  Backoff(BackoffRange range, std::uint64_t seed)
      : range_(range), current_(range.first), random_(seed) {}

  [[nodiscard]] std::chrono::milliseconds next();
  void reset() { current_ = range_.first; }

 private:
  BackoffRange range_;
  std::chrono::milliseconds current_;
  engine::Random random_;
};

}  // namespace bimip::client
