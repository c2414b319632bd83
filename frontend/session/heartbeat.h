// Whether a peer is there still: when it is asked, when it is given up, and what its answers tell.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "frontend/session/moment.h"

namespace bimip::frontend {

// A pure state machine. A peer that is heard is not asked, but now and then, to measure it. One
// whose answer was late is asked twice as often, down to the shortest interval; three answers in
// time in a row, and it is asked half as often again, up to the longest. Invariants: an interval is
// within the bounds; a peer is gone only when it was silent for two of the longest and was asked,
// and has had one of the longest to answer in which it was listened to. Thread-compatible.
class Heartbeat {
 public:
  using Time = std::chrono::nanoseconds;
  struct Bounds {
    Time least{};
    Time most{};
  };
  enum class Due : std::uint8_t { kNothing, kPing, kGone };
  // What the peer said in answer to a Ping.
  struct Answer {
    std::int64_t sent_at_us = 0;      // names the Ping
    std::int64_t received_at_us = 0;  // what its clock showed; 0: it does not say
  };
  struct Measured {
    Time round_trip{};
    std::optional<std::int64_t> clock_offset_us{};
  };

  // Who looks as rarely as this has not listened meanwhile. It looks four times as often.
  static constexpr Time kLookMost = std::chrono::seconds(1);
  // A peer that speaks all the time is asked once in so many of the longest intervals.
  static constexpr int kIntervalsPerMeasure = 8;
  // A clock that is further off is none: one that was never set shows 1970.
  static constexpr std::chrono::microseconds kClockApartMost = std::chrono::hours(24 * 365 * 100);

  explicit Heartbeat(Time now)
      : asked_at_(now), heard_at_(milliseconds(now)), looked_at_(milliseconds(now)) {}

  // Anything at all came from it.
  void heard(Time now) {
    heard_at_ = milliseconds(now);
    is_asked_ = 0;
  }
  [[nodiscard]] Time interval(Bounds bounds) const {
    return std::max(std::min(bounds.least, bounds.most), bounds.most / (1U << halvings_));
  }
  // What is due now; a kPing is taken as sent, with the wall's time as its name. To be called a few
  // times in a second, after what came was read.
  [[nodiscard]] Due next(Moment now, Bounds bounds) {
    leave_out_unread(now.monotonic);
    const Time silent = since(heard_at_, now.monotonic);
    const Time since_asked = now.monotonic - asked_at_;
    if (is_asked_ != 0) {
      const bool is_gone = silent >= 2 * bounds.most && since_asked >= bounds.most;
      return is_gone ? Due::kGone : Due::kNothing;
    }
    const Time measured_every =
        round_trip_us_ == 0 ? bounds.most : kIntervalsPerMeasure * bounds.most;
    if (silent < interval(bounds) && since_asked < measured_every) return Due::kNothing;
    is_asked_ = 1;
    asked_at_ = now.monotonic;
    named_us_ = micros(now.wall);
    return Due::kPing;
  }
  // What its answer tells. Nothing: it answers no Ping that waits for it, or nobody can say how
  // long it took.
  std::optional<Measured> answered(const Answer& answer, Time now, Bounds bounds) {
    if (named_us_ == 0 || answer.sent_at_us != named_us_) return std::nullopt;
    const std::int64_t asked_us = std::exchange(named_us_, 0);
    if (since(looked_at_, now) > kLookMost) return std::nullopt;
    const Time took = now - asked_at_;
    adapt(took, bounds);
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
    average_in(us);
    Measured measured{.round_trip = took};
    // Its clock showed that half a round trip ago.
    const std::int64_t then_us = asked_us + us / 2;
    if (answer.received_at_us == 0 || is_apart(answer.received_at_us, then_us)) return measured;
    clock_offset_us_ = answer.received_at_us - then_us;
    measured.clock_offset_us = clock_offset_us_;
    return measured;
  }

  [[nodiscard]] std::uint32_t round_trip_us() const { return round_trip_us_; }  // 0: not known
  [[nodiscard]] std::int64_t clock_offset_us() const { return clock_offset_us_; }
  template <typename Hash>
  void mix_into(Hash& hash) const {
    hash.add(heard_at_).add(asked_at_).add(named_us_).add(clock_offset_us_).add(round_trip_us_);
    hash.add(looked_at_).add(std::uint8_t{halvings_});
    hash.add(std::uint8_t{in_time_}).add(std::uint8_t{is_asked_});
  }

 private:
  // An answer that took more than this part of the interval was late.
  static constexpr int kLateShare = 4;
  static constexpr std::uint8_t kInTimeBeforeLonger = 3;

  // Modulo 2^32: 49 days.
  using Milliseconds = std::uint32_t;
  [[nodiscard]] static Milliseconds milliseconds(Time time) {
    return static_cast<Milliseconds>(
        std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
  }
  [[nodiscard]] static Time since(Milliseconds then, Time now) {
    return std::chrono::milliseconds(milliseconds(now) - then);
  }
  // A time in which nobody listened is none that it had to answer, and no part of a round trip.
  void leave_out_unread(Time now) {
    const Time unread = since(looked_at_, now);
    looked_at_ = milliseconds(now);
    if (unread <= kLookMost) return;
    asked_at_ += unread;
    named_us_ = 0;
  }
  [[nodiscard]] static bool is_apart(std::int64_t one_us, std::int64_t other_us) {
    std::int64_t apart_us = 0;
    return __builtin_sub_overflow(one_us, other_us, &apart_us) ||
           apart_us > kClockApartMost.count() || apart_us < -kClockApartMost.count();
  }
  void adapt(Time took, Bounds bounds) {
    if (took > interval(bounds) / kLateShare) {
      in_time_ = 0;
      if (interval(bounds) > std::min(bounds.least, bounds.most)) ++halvings_;
    } else if (halvings_ > 0 && ++in_time_ == kInTimeBeforeLonger) {
      in_time_ = 0;
      --halvings_;
    }
  }
  // As TCP does it (RFC 6298): an eighth of each new one.
  void average_in(std::int64_t us) {
    const auto whole = static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 1, UINT32_MAX));
    round_trip_us_ = round_trip_us_ == 0 ? whole : round_trip_us_ - round_trip_us_ / 8 + whole / 8;
  }

  // Every session has these, and most do nothing else.
  Time asked_at_;              // last; at first, when it came
  std::int64_t named_us_ = 0;  // the Ping that waits for its answer; 0: none does
  std::int64_t clock_offset_us_ = 0;
  std::uint32_t round_trip_us_ = 0;
  Milliseconds heard_at_;
  Milliseconds looked_at_;
  std::uint8_t halvings_ : 5 = 0;
  std::uint8_t in_time_ : 2 = 0;   // in a row
  std::uint8_t is_asked_ : 1 = 0;  // since it was last heard
};

}  // namespace bimip::frontend
