#include "frontend/session/heartbeat.h"

#include <gtest/gtest.h>

#include "engine/base/random.h"

namespace bimip::frontend {
namespace {

using namespace std::chrono_literals;
using Due = Heartbeat::Due;
using Time = Heartbeat::Time;

constexpr Heartbeat::Bounds kBounds{.least = 5s, .most = 40s};
constexpr Time kTick = 250ms;

// A peer and who looks for it, four times in a second.
struct Looked {
  explicit Looked(Time began = 1s) : now(began), heartbeat(began) {}

  [[nodiscard]] Moment at() const {
    return {.monotonic = now, .wall = engine::Timestamp(std::chrono::floor<us>(now) + clock)};
  }
  // What is due, when it is, until then; what is due then, if nothing was.
  Due pass(Time span) {
    const Time until = now + span;
    Due due = Due::kNothing;
    while (now < until && due == Due::kNothing) {
      now = std::min(until, now + kTick);
      due = look();
    }
    return due;
  }
  Due look() {
    const Due due = heartbeat.next(at(), kBounds);
    if (due == Due::kPing) asked_us = micros(at().wall);
    return due;
  }
  // Nobody looks and nothing is read.
  void pause(Time span) { now += span; }
  std::optional<Heartbeat::Measured> hear_pong(std::int64_t sent_at_us,
                                               std::int64_t received_at_us = 0) {
    heartbeat.heard(now);
    return heartbeat.answered({.sent_at_us = sent_at_us, .received_at_us = received_at_us}, now,
                              kBounds);
  }
  // Silent until it is asked, then answers after `took`.
  void ask_and_answer(Time took) {
    ASSERT_EQ(pass(heartbeat.interval(kBounds)), Due::kPing);
    ASSERT_EQ(pass(took), Due::kNothing);
    const auto measured = hear_pong(asked_us);
    ASSERT_TRUE(measured);
    EXPECT_EQ(measured->round_trip, took);
  }

  using us = std::chrono::microseconds;
  Time now;
  us clock{1'700'000'000'000'000};
  Heartbeat heartbeat;
  std::int64_t asked_us = 0;
};

TEST(Heartbeat, AsksOnceAndGivesUpAfterTwoIntervals) {
  Looked peer;
  EXPECT_EQ(peer.pass(39s), Due::kNothing);
  EXPECT_EQ(peer.pass(1s), Due::kPing);
  EXPECT_EQ(peer.pass(39s), Due::kNothing);
  EXPECT_EQ(peer.pass(1s), Due::kGone);
}

TEST(Heartbeat, TakesAnythingForASignOfLife) {
  Looked peer;
  peer.ask_and_answer(1ms);
  EXPECT_EQ(peer.pass(40s), Due::kPing);
  EXPECT_EQ(peer.pass(39s), Due::kNothing);
  peer.heartbeat.heard(peer.now);
  EXPECT_EQ(peer.pass(39s), Due::kNothing);
  EXPECT_EQ(peer.pass(1s), Due::kPing);
}

TEST(Heartbeat, AsksAPeerInTroubleMoreOftenAndOneThatRecoversLess) {
  Looked peer;
  for (const auto interval : {20s, 10s, 5s, 5s}) {
    peer.ask_and_answer(peer.heartbeat.interval(kBounds) / 2);
    EXPECT_EQ(peer.heartbeat.interval(kBounds), interval);
  }
  // Two answers in time are not yet a recovery, and one that is late takes them back.
  for (int i = 0; i < 2; ++i) peer.ask_and_answer(1ms);
  peer.ask_and_answer(4s);
  for (int i = 0; i < 2; ++i) peer.ask_and_answer(1ms);
  EXPECT_EQ(peer.heartbeat.interval(kBounds), 5s);
  peer.ask_and_answer(1ms);
  EXPECT_EQ(peer.heartbeat.interval(kBounds), 10s);
  for (int i = 0; i < 6; ++i) peer.ask_and_answer(1ms);
  EXPECT_EQ(peer.heartbeat.interval(kBounds), 40s);
  for (int i = 0; i < 9; ++i) peer.ask_and_answer(1ms);
  EXPECT_EQ(peer.heartbeat.interval(kBounds), 40s);
}

// Being slow shortens the time until it is asked, and never the time that it has to answer.
TEST(Heartbeat, GivesASlowPeerAsLongAsAnyOther) {
  Looked peer;
  for (int i = 0; i < 10; ++i) peer.ask_and_answer(39s);
  EXPECT_EQ(peer.heartbeat.interval(kBounds), 5s);
  EXPECT_EQ(peer.pass(5s), Due::kPing);
  EXPECT_EQ(peer.pass(74s), Due::kNothing);
  EXPECT_EQ(peer.pass(1s), Due::kGone) << "two of the longest, as any other";
}

TEST(Heartbeat, AsksAfterItsOwnPauseBeforeItGivesUp) {
  Looked peer;
  peer.pause(10min);
  EXPECT_EQ(peer.look(), Due::kPing);
  EXPECT_EQ(peer.pass(39s), Due::kNothing);
  EXPECT_EQ(peer.pass(1s), Due::kGone);
}

// A Pong that came during the pause is read after the first look.
TEST(Heartbeat, CountsNoTimeInWhichItDidNotListen) {
  Looked peer;
  EXPECT_EQ(peer.pass(40s), Due::kPing);
  EXPECT_EQ(peer.pass(30s), Due::kNothing);
  peer.pause(10min);
  EXPECT_EQ(peer.look(), Due::kNothing);
  EXPECT_EQ(peer.pass(9s), Due::kNothing);
  EXPECT_EQ(peer.pass(1s), Due::kGone) << "what it listened before counts";
}

TEST(Heartbeat, MeasuresNoPauseOfItsOwn) {
  Looked peer;
  EXPECT_EQ(peer.pass(40s), Due::kPing);
  peer.pause(30s);
  EXPECT_FALSE(peer.hear_pong(peer.asked_us)) << "read before the first look";
  EXPECT_EQ(peer.look(), Due::kNothing);
  EXPECT_EQ(peer.pass(40s), Due::kPing);
  peer.pause(30s);
  EXPECT_EQ(peer.look(), Due::kNothing);
  EXPECT_FALSE(peer.hear_pong(peer.asked_us)) << "read after it";
  EXPECT_EQ(peer.heartbeat.round_trip_us(), 0U);
  EXPECT_EQ(peer.heartbeat.interval(kBounds), 40s);
}

TEST(Heartbeat, MeasuresRoundTripAndClock) {
  Looked peer;
  peer.ask_and_answer(80ms);
  EXPECT_EQ(peer.heartbeat.round_trip_us(), 80'000U);
  peer.ask_and_answer(160ms);
  EXPECT_EQ(peer.heartbeat.round_trip_us(), 90'000U);
  EXPECT_EQ(peer.pass(40s), Due::kPing);
  EXPECT_EQ(peer.pass(80ms), Due::kNothing);
  const auto measured = peer.hear_pong(peer.asked_us, peer.asked_us + 40'000 + 500);
  ASSERT_TRUE(measured);
  EXPECT_EQ(measured->clock_offset_us, 500);
  EXPECT_EQ(peer.heartbeat.clock_offset_us(), 500);
}

TEST(Heartbeat, TakesAPongForTheAnswerOnlyOfThePingThatItNames) {
  Looked peer;
  EXPECT_FALSE(peer.hear_pong(0)) << "nobody asked";
  EXPECT_EQ(peer.pass(40s), Due::kPing);
  for (const std::int64_t other :
       {std::int64_t{0}, std::int64_t{-1}, INT64_MAX, INT64_MIN, peer.asked_us - 1})
    EXPECT_FALSE(peer.hear_pong(other, 1)) << other;
  EXPECT_TRUE(peer.hear_pong(peer.asked_us));
  EXPECT_FALSE(peer.hear_pong(peer.asked_us)) << "a second answer";
  const std::int64_t earlier = peer.asked_us;
  EXPECT_EQ(peer.pass(40s), Due::kPing);
  EXPECT_FALSE(peer.hear_pong(earlier)) << "too late";
  EXPECT_EQ(peer.heartbeat.clock_offset_us(), 0);
}

TEST(Heartbeat, BelievesNoClockThatIsNone) {
  Looked peer;
  for (const std::int64_t shown : {INT64_MAX, INT64_MIN, std::int64_t{1} << 62}) {
    EXPECT_EQ(peer.pass(40s), Due::kPing);
    const auto measured = peer.hear_pong(peer.asked_us, shown);
    ASSERT_TRUE(measured);
    EXPECT_FALSE(measured->clock_offset_us) << shown;
  }
  EXPECT_EQ(peer.heartbeat.clock_offset_us(), 0);
  EXPECT_EQ(peer.pass(40s), Due::kPing);
  EXPECT_EQ(peer.hear_pong(peer.asked_us, 1)->clock_offset_us, 1 - peer.asked_us)
      << "one that was never set";
}

TEST(Heartbeat, AsksAPeerThatSpeaksAllTheTimeNowAndThen) {
  Looked peer;
  int pings = 0;
  const auto speak = [&](Time span) {
    for (const Time until = peer.now + span; peer.now < until;) {
      peer.heartbeat.heard(peer.now);
      peer.now += kTick;
      if (peer.look() != Due::kPing) continue;
      ++pings;
      (void)peer.hear_pong(peer.asked_us);
    }
  };
  speak(41s);
  EXPECT_EQ(pings, 1) << "it is not known yet";
  speak(318s);
  EXPECT_EQ(pings, 1);
  speak(3s);
  EXPECT_EQ(pings, 2);
  speak(320s);
  EXPECT_EQ(pings, 3);
}

// Looked for at jittered ticks, with pauses in which nothing is read, and a peer that answers each
// Ping within the longest interval and says other things or not.
TEST(HeartbeatProperty, NeverEndsAPeerThatAnswersInTimeAndFindsADeadOneInTime) {
  engine::Random random(7);
  std::uint64_t late_answers = 0;
  for (int life = 0; life < 300; ++life) {
    Looked peer;
    Time answers_at = Time::max();  // never
    const bool is_talkative = random.below(2) == 0;
    for (int step = 0; step < 2'000; ++step) {
      const bool pauses = random.below(200) == 0;
      peer.pause(pauses ? std::chrono::seconds(random.below(300))
                        : kTick + std::chrono::milliseconds(random.below(100)));
      // What came is read before the look, but for what came while nobody read.
      const bool is_read_first = !pauses || random.below(2) == 0;
      const auto read = [&] {
        if (answers_at <= peer.now) {
          (void)peer.hear_pong(peer.asked_us);
          answers_at = Time::max();
        }
        if (is_talkative && random.below(100) == 0) peer.heartbeat.heard(peer.now);
      };
      if (is_read_first) read();
      const Due due = peer.look();
      ASSERT_NE(due, Due::kGone) << "life " << life << ", step " << step;
      if (due == Due::kPing) {
        answers_at = peer.now + std::chrono::milliseconds(random.below(40'000));
        if (answers_at - peer.now > 10s) ++late_answers;
      }
      if (!is_read_first) read();
      ASSERT_GE(peer.heartbeat.interval(kBounds), kBounds.least);
      ASSERT_LE(peer.heartbeat.interval(kBounds), kBounds.most);
    }
    peer.heartbeat.heard(peer.now);
    const Time died = peer.now;
    while (peer.look() != Due::kGone) peer.now += kTick;
    ASSERT_GE(peer.now - died, 2 * kBounds.most);
    ASSERT_LE(peer.now - died, 2 * kBounds.most + 2 * kTick);
  }
  EXPECT_GT(late_answers, 100U);
}

}  // namespace
}  // namespace bimip::frontend
