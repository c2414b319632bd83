// Whether the other side is still there.
#pragma once

#include <chrono>
#include <cstdint>

namespace bimip::client {

using SteadyTime = std::chrono::steady_clock::time_point;

// After an interval of silence a Ping is due, after another one the session is dead. Whatever is
// heard counts as life. Thread-compatible.
class Heartbeat {
 public:
  enum class Due : std::uint8_t { kNothing, kPing, kDead };

  Heartbeat(std::chrono::milliseconds interval, SteadyTime now)
      : interval_(interval), heard_at_(now) {}

  void on_heard(SteadyTime now) {
    heard_at_ = now;
    pinged_ = false;
  }
  // A Ping is due once an interval of silence; the caller sends it.
  [[nodiscard]] Due due(SteadyTime now) {
    if (now >= heard_at_ + 2 * interval_) return Due::kDead;
    if (pinged_ || now < heard_at_ + interval_) return Due::kNothing;
    pinged_ = true;
    return Due::kPing;
  }
  // When to ask again.
  [[nodiscard]] SteadyTime next() const { return heard_at_ + (pinged_ ? 2 : 1) * interval_; }

 private:
  std::chrono::milliseconds interval_;
  SteadyTime heard_at_;
  bool pinged_ = false;
};

}  // namespace bimip::client
