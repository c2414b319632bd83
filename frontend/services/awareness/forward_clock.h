// A wall clock that never goes back, for what is kept in the order of its times.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "frontend/session/moment.h"

namespace bimip::frontend {

// While the wall clock is behind what was shown before, a thousandth of the time passes: what
// happens stays in order, and little is left to catch up with. Thread-compatible.
class ForwardClock {
 public:
  [[nodiscard]] engine::Timestamp at(Moment now) const {
    const auto passed = std::max(now.monotonic - since_.value_or(now.monotonic), kNone);
    return std::max(now.wall,
                    shown_ + std::chrono::floor<std::chrono::microseconds>(passed) / 1000);
  }
  // The moment, by this clock; a later one is not before it.
  [[nodiscard]] Moment follow(Moment now) {
    const engine::Timestamp time = at(now);
    if (now.wall >= time || !since_) {
      shown_ = time;
      since_ = now.monotonic;
    }
    return {.monotonic = now.monotonic, .wall = time};
  }
  // Before it is first followed: a time that was shown in another life.
  void not_before(engine::Timestamp time) { shown_ = std::max(shown_, time); }

  [[nodiscard]] engine::Timestamp shown() const { return shown_; }
  [[nodiscard]] std::chrono::nanoseconds since() const { return since_.value_or(kNone); }

 private:
  static constexpr std::chrono::nanoseconds kNone{};
  engine::Timestamp shown_{};
  std::optional<std::chrono::nanoseconds> since_{};  // what was shown then
};

}  // namespace bimip::frontend
