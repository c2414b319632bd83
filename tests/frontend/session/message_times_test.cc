// Messages that expire and messages that come later, as a session's peer sees them.
#include "frontend/session/message_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontend/session/world.h"

namespace bimip::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MessageTimesTest : public ::testing::Test {
 protected:
  MessageTimesTest() {
    world.create_topic("events");
    client = Client::welcomed(world);
  }
  v1::Stanza publish(const std::string& value, const std::function<void(v1::Publish&)>& times,
                     const std::string& topic = "events") {
    v1::Stanza stanza;
    v1::Publish& publish = *stanza.mutable_publish();
    publish.set_topic(topic);
    publish.set_partition(0);
    publish.set_value(value);
    times(publish);
    return client->ask(stanza);
  }
  // A subscription to all there is: its answer and what came with it.
  std::vector<v1::Stanza> subscribe(Client& reader, const std::function<void(v1::Subscribe&)>& say,
                                    std::uint32_t credit = 1000) {
    v1::Stanza stanza = subscribe_to("events", credit);
    stanza.set_id(70);
    stanza.mutable_subscribe()->set_earliest(true);
    say(*stanza.mutable_subscribe());
    reader.say(stanza);
    return reader.said();
  }
  std::vector<std::string> values() {
    const auto reader = Client::welcomed(world);
    return values_of(subscribe(*reader, [](v1::Subscribe&) {}));
  }

  World world;
  std::unique_ptr<Client> client;
};

constexpr auto kAtOnce = [](v1::Publish&) {};
constexpr auto kExpiresSoon = [](v1::Publish& publish) { publish.set_expires_in_ms(10'000); };
constexpr auto kComesLater = [](v1::Publish& publish) { publish.set_deliver_in_ms(10'000); };

TEST_F(MessageTimesTest, NobodyIsGivenWhatHasExpired) {
  EXPECT_TRUE(publish("a", kExpiresSoon).has_published());
  EXPECT_TRUE(publish("b", [&](v1::Publish& publish) {
                publish.set_expires_at_us(micros(world.clock.now() + 20s));
              }).has_published());
  EXPECT_TRUE(publish("c", kAtOnce).has_published());
  EXPECT_THAT(values(), ElementsAre("a", "b", "c"));
  world.clock.pass(11s);
  EXPECT_THAT(values(), ElementsAre("b", "c"));
  world.clock.pass(10s);
  EXPECT_THAT(values(), ElementsAre("c"));
}

TEST_F(MessageTimesTest, WhatComesLaterIsDeliveredLiveAtItsTimeAndSaysWhereItWasHeld) {
  const auto reader = Client::welcomed(world);
  (void)subscribe(*reader, [](v1::Subscribe&) {});
  const std::uint64_t held = publish("later", kComesLater).published().offset();
  EXPECT_TRUE(publish("now", kAtOnce).has_published());
  EXPECT_THAT(values_of(reader->said()), ElementsAre("now"));
  world.clock.pass(11s);
  const std::vector<v1::Stanza> said = reader->said();
  ASSERT_THAT(values_of(said), ElementsAre("later"));
  for (const v1::Stanza& stanza : said) {
    if (!stanza.has_delivery()) continue;
    const v1::DeliveredRecord& record = stanza.delivery().records(0);
    EXPECT_GT(record.offset(), held);
    EXPECT_EQ(record.held_at_offset(), held);
  }
}

TEST_F(MessageTimesTest, AMomentThatHasPassedIsNow) {
  EXPECT_TRUE(publish("x", [&](v1::Publish& publish) {
                publish.set_deliver_at_us(micros(world.clock.now() - 1s));
              }).has_published());
  EXPECT_THAT(values(), ElementsAre("x"));
}

TEST_F(MessageTimesTest, WhatCannotBeIsRefused) {
  const auto refused = [&](const std::function<void(v1::Publish&)>& times) {
    const v1::Stanza answer = publish("x", times);
    EXPECT_EQ(answer.error().code(), v1::CODE_INVALID_ARGUMENT) << answer.ShortDebugString();
    return answer.error().message();
  };
  EXPECT_THAT(refused([](v1::Publish& p) { p.set_deliver_in_ms(8ULL * 24 * 3600 * 1000); }),
              HasSubstr("hold_max_s"));
  EXPECT_THAT(refused([](v1::Publish& p) {
                p.set_deliver_in_ms(2000);
                p.set_expires_in_ms(2000);
              }),
              HasSubstr("expire before"));
  EXPECT_THAT(refused([](v1::Publish& p) { p.set_expires_in_ms(UINT64_MAX); }), HasSubstr("span"));
  EXPECT_THAT(refused([](v1::Publish& p) { p.set_deliver_in_ms(UINT64_MAX); }), HasSubstr("span"));
  EXPECT_THAT(values(), IsEmpty());
}

TEST_F(MessageTimesTest, SaysSoWhenAsManyAreHeldAsMayAndTakesTheOthers) {
  engine::TopicConfig small{.segment_bytes = engine::limits::kSegmentBytesMin};
  ASSERT_TRUE(world.scripted().create_topic("small", small));
  const std::size_t most = engine::held_records_max(small);
  v1::Stanza stanza;
  stanza.mutable_publish()->set_topic("small");
  kComesLater(*stanza.mutable_publish());
  std::size_t held = 0;
  for (std::size_t i = 0; i < most; ++i) {
    client->say(stanza);
    if (i % 64 != 63) continue;
    for (const v1::Stanza& answer : client->said()) held += answer.has_published() ? 1U : 0U;
  }
  EXPECT_EQ(held, most);
  const v1::Stanza refused = publish("x", kComesLater, "small");
  EXPECT_EQ(refused.error().code(), v1::CODE_TOO_MANY_HELD);
  EXPECT_FALSE(refused.error().retry());
  EXPECT_TRUE(publish("x", kAtOnce, "small").has_published());
}

TEST_F(MessageTimesTest, TellsWhoAskedThatTheEndCameByWithoutARecord) {
  (void)publish("a", kAtOnce);
  (void)publish("b", kExpiresSoon);
  (void)publish("c", [](v1::Publish& p) { p.set_deliver_in_ms(99'000); });
  world.clock.pass(11s);
  const auto told = [&](const std::function<void(v1::Subscribe&)>& say) {
    const auto reader = Client::welcomed(world);
    std::vector<std::uint64_t> ends;
    for (const v1::Stanza& stanza : subscribe(*reader, say)) {
      if (stanza.has_end_reached()) ends.push_back(stanza.end_reached().end_offset());
    }
    (void)publish("d", kAtOnce);
    for (const v1::Stanza& stanza : reader->said()) {
      EXPECT_FALSE(stanza.has_end_reached()) << "once";
    }
    return ends;
  };
  EXPECT_THAT(told([](v1::Subscribe&) {}), IsEmpty());
  EXPECT_THAT(told([](v1::Subscribe& s) { s.set_tell_end(true); }), ElementsAre(4));
  EXPECT_THAT(told([](v1::Subscribe& s) {
                s.set_tell_end(true);
                s.mutable_filter()->set_key_prefix("nothing");
              }),
              ElementsAre(5));
  EXPECT_THAT(told([](v1::Subscribe& s) {
                s.set_tell_end(true);
                s.set_latest(true);
              }),
              IsEmpty());
}

// Its credit comes back, its place is passed, and nothing waits for it.
TEST_F(MessageTimesTest, WhatExpiresUnacknowledgedCountsAsDone) {
  const auto reader = Client::welcomed(world);
  (void)publish("a", kExpiresSoon);
  const auto say = [](v1::Subscribe& s) { s.set_redeliver_after_ms(5000); };
  EXPECT_THAT(values_of(subscribe(*reader, say, 1)), ElementsAre("a"));
  (void)publish("b", kAtOnce);
  EXPECT_THAT(values_of(reader->said()), IsEmpty()) << "no credit";
  world.clock.pass(11s);
  reader->session().on_tick(world.now());
  EXPECT_THAT(values_of(reader->said()), ElementsAre("b"));
}

TEST_F(MessageTimesTest, WhatExpiresIsNoDeadLetter) {
  world.create_topic("dead");
  const auto reader = Client::welcomed(world);
  (void)publish("a", kExpiresSoon);
  EXPECT_THAT(values_of(subscribe(*reader,
                                  [](v1::Subscribe& s) {
                                    s.set_redeliver_after_ms(1000);
                                    s.set_deliveries_max(1);
                                    s.set_dead_letter_topic("dead");
                                  })),
              ElementsAre("a"));
  world.clock.pass(11s);
  reader->session().on_tick(world.now());
  (void)reader->said();
  const auto dead = world.scripted().find_topic("dead");
  EXPECT_EQ(world.scripted().bounds(dead->id, PartitionId(0))->visible_end, engine::Offset(0));
}

}  // namespace
}  // namespace bimip::testing
