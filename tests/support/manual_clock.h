// Time that passes when a test says so.
#pragma once

#include <atomic>

#include "engine/base/clock.h"

namespace bimip::testing {

// Thread-safe. Wall time and monotonic time pass together, unless the wall clock is set.
class ManualClock final : public engine::Clock {
 public:
  [[nodiscard]] engine::Timestamp now() const override {
    return engine::Timestamp(std::chrono::microseconds(wall_.load()));
  }
  [[nodiscard]] std::chrono::nanoseconds monotonic() const override {
    return std::chrono::microseconds(monotonic_.load());
  }
  void pass(std::chrono::microseconds time) {
    wall_ += time.count();
    monotonic_ += time.count();
  }
  // As an operator or a time server does: in either direction.
  void step_wall(std::chrono::microseconds time) { wall_ += time.count(); }

 private:
  std::atomic<std::int64_t> wall_{1'700'000'000'000'000};
  std::atomic<std::int64_t> monotonic_{0};
};

}  // namespace bimip::testing
