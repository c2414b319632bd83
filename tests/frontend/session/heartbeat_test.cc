#include "frontend/session/heartbeat.h"

#include <gtest/gtest.h>

#include "engine/base/random.h"

namespace bimip::frontend {
namespace {

using namespace std::chrono_literals;
using Due = Heartbeat::Due;

constexpr Heartbeat::Bounds kBounds{.least = 5s, .most = 40s};

// Silent until it is asked, then answers after `took`.
void ask_and_answer(Heartbeat& peer, std::chrono::nanoseconds& now, std::chrono::nanoseconds took) {
  now += peer.interval(kBounds);
  ASSERT_EQ(peer.next(now, kBounds), Due::kPing);
  now += took;
  peer.heard(now);
  EXPECT_EQ(peer.answered(now, kBounds), took);
}

TEST(Heartbeat, AsksOnceAndGivesUpAfterTwoIntervals) {
  Heartbeat peer(1s);
  EXPECT_EQ(peer.next(40s, kBounds), Due::kNothing);
  EXPECT_EQ(peer.next(41s, kBounds), Due::kPing);
  EXPECT_EQ(peer.next(42s, kBounds), Due::kNothing);
  EXPECT_EQ(peer.next(81s, kBounds), Due::kGone);
}

TEST(Heartbeat, TakesAnythingForASignOfLife) {
  Heartbeat peer(1s);
  EXPECT_EQ(peer.next(41s, kBounds), Due::kPing);
  peer.heard(80s);
  EXPECT_EQ(peer.next(119s, kBounds), Due::kNothing);
  EXPECT_EQ(peer.next(120s, kBounds), Due::kPing);
}

TEST(Heartbeat, AsksAPeerInTroubleMoreOftenAndOneThatRecoversLess) {
  Heartbeat peer(1s);
  std::chrono::nanoseconds now = 1s;
  for (const auto interval : {20s, 10s, 5s, 5s}) {
    ask_and_answer(peer, now, peer.interval(kBounds) / 2);
    EXPECT_EQ(peer.interval(kBounds), interval);
  }
  // Two answers in time are not yet a recovery, and one that is late takes them back.
  for (int i = 0; i < 2; ++i) ask_and_answer(peer, now, 1ms);
  ask_and_answer(peer, now, 4s);
  for (int i = 0; i < 2; ++i) ask_and_answer(peer, now, 1ms);
  EXPECT_EQ(peer.interval(kBounds), 5s);
  ask_and_answer(peer, now, 1ms);
  EXPECT_EQ(peer.interval(kBounds), 10s);
  for (int i = 0; i < 6; ++i) ask_and_answer(peer, now, 1ms);
  EXPECT_EQ(peer.interval(kBounds), 40s);
  for (int i = 0; i < 9; ++i) ask_and_answer(peer, now, 1ms);
  EXPECT_EQ(peer.interval(kBounds), 40s);
}

TEST(Heartbeat, MeasuresRoundTripAndClock) {
  Heartbeat peer(1s);
  EXPECT_FALSE(peer.answered(2s, kBounds)) << "nobody asked";
  std::chrono::nanoseconds now = 1s;
  ask_and_answer(peer, now, 80ms);
  EXPECT_EQ(peer.round_trip_us(), 80'000U);
  ask_and_answer(peer, now, 160ms);
  EXPECT_EQ(peer.round_trip_us(), 90'000U);
  peer.compare_clocks(1'000'000, 1'040'000 + 500, 80ms);
  EXPECT_EQ(peer.clock_offset_us(), 500);
  peer.compare_clocks(1'000'000, INT64_MIN, 80ms);  // whatever a peer says
}

// Whatever it hears and when: within the bounds, and a dead peer is found within two intervals.
TEST(HeartbeatProperty, FindsADeadPeerInTime) {
  engine::Random random(7);
  for (int life = 0; life < 200; ++life) {
    std::chrono::nanoseconds now = 1s;
    Heartbeat peer(now);
    for (int step = 0; step < 50; ++step) {
      now += std::chrono::milliseconds(random.below(15'000));
      if (random.below(3) == 0) peer.heard(now);
      if (random.below(3) == 0) (void)peer.answered(now, kBounds);
      ASSERT_GE(peer.interval(kBounds), kBounds.least);
      ASSERT_LE(peer.interval(kBounds), kBounds.most);
      if (peer.next(now, kBounds) == Due::kGone) peer.heard(now);
    }
    peer.heard(now);
    const std::chrono::nanoseconds died = now;
    while (peer.next(now, kBounds) != Due::kGone) now += 250ms;
    ASSERT_LE(now - died, 2 * kBounds.most + 250ms);
  }
}

}  // namespace
}  // namespace bimip::frontend
