// Slows something down to so many times a second.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace bimip::frontend {

// A bucket that fills at the rate and holds one second's worth. What was read already is taken
// although the bucket is empty; the debt is then waited off before more is read. Thread-compatible.
class Pace {
 public:
  // At least one a second.
  Pace(std::uint64_t per_second, std::chrono::nanoseconds now)
      : per_second_(static_cast<double>(per_second)), left_(per_second_), filled_at_(now) {}

  void take(std::chrono::nanoseconds now, std::size_t count = 1) {
    refill(now);
    left_ -= static_cast<double>(count);
  }
  void refill(std::chrono::nanoseconds now) {
    const double seconds = std::chrono::duration<double>(now - filled_at_).count();
    left_ = std::min(per_second_, left_ + seconds * per_second_);
    filled_at_ = now;
  }
  // As of the last call of the above.
  [[nodiscard]] bool is_spent() const { return left_ < 1; }
  [[nodiscard]] std::chrono::nanoseconds filled_at() const { return filled_at_; }

 private:
  const double per_second_;
  double left_;
  std::chrono::nanoseconds filled_at_;
};

}  // namespace bimip::frontend
