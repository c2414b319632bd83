// Whether a session's peer is there still, and what its answers tell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontend/session/world.h"

namespace bimip::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

// A server that reads, and looks for its peer a few times in a second.
std::vector<v1::Stanza> tick_for(World& world, Client& client, std::chrono::nanoseconds span) {
  for (; span > 0ns; span -= std::min(span, std::chrono::nanoseconds(250ms))) {
    world.clock.pass(std::min(span, std::chrono::nanoseconds(250ms)));
    client.session().on_tick(world.now());
  }
  return client.said();
}

TEST(Session, PingsASilentPeerOnceAndEndsWithoutASign) {
  World world;
  const auto client = Client::welcomed(world);
  const auto tick_after = [&](std::chrono::nanoseconds time) {
    return tick_for(world, *client, time);
  };
  EXPECT_THAT(tick_after(world.in_force.heartbeat - 1ms), IsEmpty());
  const std::vector<v1::Stanza> pings = tick_after(1ms);
  ASSERT_THAT(pings, SizeIs(1));
  EXPECT_TRUE(pings[0].has_ping());
  EXPECT_THAT(tick_after(1s), IsEmpty());

  v1::Stanza pong;
  pong.mutable_pong()->set_sent_at_us(pings[0].ping().sent_at_us());
  client->say(pong);
  EXPECT_THAT(tick_after(world.in_force.heartbeat - 1ms), IsEmpty());

  EXPECT_THAT(tick_after(1ms), SizeIs(1));
  EXPECT_THAT(tick_after(world.in_force.heartbeat - 1ms), IsEmpty());
  const std::vector<v1::Stanza> last = tick_after(1ms);
  ASSERT_THAT(last, SizeIs(1));
  EXPECT_EQ(last[0].goodbye().code(), v1::CODE_TIMEOUT);
  EXPECT_TRUE(client->session().is_over());
}

TEST(Session, AsksAQuietPeerAfterItsOwnPauseAndGivesItItsTime) {
  World world;
  const auto client = Client::welcomed(world);
  world.clock.pass(20 * world.in_force.heartbeat);
  client->session().on_tick(world.now());
  const std::vector<v1::Stanza> said = client->said();
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_TRUE(said[0].has_ping());
  EXPECT_THAT(tick_for(world, *client, world.in_force.heartbeat - 1ms), IsEmpty());
  EXPECT_FALSE(client->session().is_over());
}

TEST(Session, MeasuresOnlyWhatAnswersItsPing) {
  World world;
  const auto client = Client::welcomed(world);
  const auto say_pong = [&](std::int64_t sent_at_us, std::int64_t received_at_us) {
    v1::Stanza pong;
    pong.mutable_pong()->set_sent_at_us(sent_at_us);
    pong.mutable_pong()->set_received_at_us(received_at_us);
    client->say(pong);
  };
  const std::vector<v1::Stanza> pings = tick_for(world, *client, world.in_force.heartbeat);
  ASSERT_THAT(pings, SizeIs(1));
  const std::int64_t asked = pings[0].ping().sent_at_us();
  for (const std::int64_t other : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, asked + 1})
    say_pong(other, INT64_MAX);
  EXPECT_EQ(world.metrics().round_trip.sum(), 0U);
  EXPECT_EQ(world.metrics().clock_offset.sum(), 0U);
  EXPECT_EQ(client->session().facts().clock_offset_us, 0);
  world.clock.pass(2ms);
  say_pong(asked, 1);
  EXPECT_EQ(world.metrics().round_trip.sum(), 2'000'000U);
  EXPECT_EQ(client->session().facts().round_trip_us, 2'000U);
  EXPECT_EQ(client->session().facts().clock_offset_us, 1 - 1'000 - asked);
  EXPECT_EQ(std::chrono::nanoseconds(world.metrics().clock_offset.sum()), 24h)
      << "one that was never set is not all that the sum tells";
}

TEST(Session, DoesNotTakeAPeerForSilentWhomItDoesNotRead) {
  World world;
  world.create_topic("events");
  world.in_force.publishes_in_flight = 1;
  const auto client = Client::welcomed(world);
  world.scripted().holds = true;
  client->publish("events", "x");
  EXPECT_FALSE(client->session().takes_input());
  EXPECT_THAT(tick_for(world, *client, 10 * world.in_force.heartbeat), IsEmpty());
  EXPECT_FALSE(client->session().is_over());
  world.scripted().let_go();
  EXPECT_TRUE(client->said().at(0).has_published());
  // Its silence begins now that it is read again.
  const std::vector<v1::Stanza> said = tick_for(world, *client, world.in_force.heartbeat);
  EXPECT_FALSE(client->session().is_over());
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_TRUE(said[0].has_ping());
}

}  // namespace
}  // namespace bimip::testing
