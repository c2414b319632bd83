// Whether a peer is there still: when it is asked, when it is given up, and what its answers tell.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace bimip::frontend {

// A pure state machine. A peer that is heard is not asked. One whose answer was late is asked twice
// as often, down to the shortest interval; three answers in time in a row, and it is asked half as
// often again, up to the longest. So a peer in trouble is found out soon, and one that is well
// costs little. Invariants: silent for two intervals, it is gone; an interval is within the bounds.
// Thread-compatible.
class Heartbeat {
 public:
  using Time = std::chrono::nanoseconds;
  struct Bounds {
    Time least{};
    Time most{};
  };
  enum class Due : std::uint8_t { kNothing, kPing, kGone };

  explicit Heartbeat(Time now) : last_heard_(now) {}

  // Anything at all came from it.
  void heard(Time now) {
    last_heard_ = now;
    is_asked_ = false;
  }
  [[nodiscard]] Time interval(Bounds bounds) const {
    return std::max(std::min(bounds.least, bounds.most), bounds.most / (1U << halvings_));
  }
  // What is due now; a kPing is taken as sent.
  [[nodiscard]] Due next(Time now, Bounds bounds) {
    const Time silent = now - last_heard_;
    if (silent >= 2 * interval(bounds)) return Due::kGone;
    if (is_asked_ || silent < interval(bounds)) return Due::kNothing;
    is_asked_ = true;
    asked_at_ = now;
    return Due::kPing;
  }
  // The answer to a Ping: how long it took. Nothing: there was no question.
  std::optional<Time> answered(Time now, Bounds bounds) {
    if (asked_at_ == Time::zero()) return std::nullopt;
    const Time took = now - asked_at_;
    asked_at_ = {};
    if (took > interval(bounds) / kLateShare) {
      in_time_ = 0;
      if (interval(bounds) > std::min(bounds.least, bounds.most)) ++halvings_;
    } else if (halvings_ > 0 && ++in_time_ == kInTimeBeforeLonger) {
      in_time_ = 0;
      --halvings_;
    }
    // As TCP does it (RFC 6298): an eighth of each new one.
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
    const auto whole = static_cast<std::uint32_t>(std::min<std::int64_t>(us, UINT32_MAX));
    round_trip_us_ = round_trip_us_ == 0 ? whole : round_trip_us_ - round_trip_us_ / 8 + whole / 8;
    return took;
  }
  // What the peer's clock is ahead of ours, when it says what it showed half a round trip ago.
  void compare_clocks(std::int64_t sent_at_us, std::int64_t received_at_us, Time took) {
    const auto half = std::chrono::duration_cast<std::chrono::microseconds>(took).count() / 2;
    clock_offset_us_ = static_cast<std::int64_t>(static_cast<std::uint64_t>(received_at_us) -
                                                 static_cast<std::uint64_t>(sent_at_us) -
                                                 static_cast<std::uint64_t>(half));
  }

  [[nodiscard]] Time last_heard() const { return last_heard_; }
  [[nodiscard]] std::uint32_t round_trip_us() const { return round_trip_us_; }  // 0: not known
  [[nodiscard]] std::int64_t clock_offset_us() const { return clock_offset_us_; }
  template <typename Hash>
  void mix_into(Hash& hash) const {
    hash.add(last_heard_).add(asked_at_).add(clock_offset_us_).add(round_trip_us_);
    hash.add(halvings_).add(in_time_).add(is_asked_);
  }

 private:
  // An answer that took more than this part of the interval was late.
  static constexpr int kLateShare = 4;
  static constexpr std::uint8_t kInTimeBeforeLonger = 3;

  Time last_heard_;
  Time asked_at_{};  // 0: nothing is asked
  std::int64_t clock_offset_us_ = 0;
  std::uint32_t round_trip_us_ = 0;
  std::uint8_t halvings_ = 0;
  std::uint8_t in_time_ = 0;  // in a row
  bool is_asked_ = false;     // since it was last heard
};

}  // namespace bimip::frontend
