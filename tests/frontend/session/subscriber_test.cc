#include "frontend/session/subscriber.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "tests/frontend/session/world.h"

namespace bimip::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SubscriberTest : public ::testing::Test {
 protected:
  SubscriberTest() {
    world.create_topic("events");
    publisher = Client::welcomed(world);
    client = Client::welcomed(world);
  }
  void publish(std::initializer_list<const char*> values) {
    for (const char* value : values) {
      publisher->publish("events", value);
      EXPECT_TRUE(publisher->said().at(0).has_published());
      world.clock.pass(1s);
    }
  }
  // What follows the Subscribed.
  std::vector<v1::Stanza> subscribe(const std::function<void(v1::Subscribe&)>& from,
                                    std::uint32_t credit = 1000) {
    v1::Stanza stanza = subscribe_to("events", credit);
    stanza.set_id(50);
    from(*stanza.mutable_subscribe());
    client->say(stanza);
    std::vector<v1::Stanza> said = client->said();
    EXPECT_FALSE(said.empty());
    if (said.empty()) return said;
    EXPECT_EQ(said[0].id(), 50U);
    subscribed = said[0].subscribed();
    said.erase(said.begin());
    return said;
  }
  void acknowledge(std::uint64_t end) {
    v1::Stanza stanza;
    stanza.mutable_acknowledge()->set_subscription_id(subscribed.subscription_id());
    stanza.mutable_acknowledge()->set_end_offset(end);
    client->say(stanza);
  }

  World world;
  std::unique_ptr<Client> publisher;
  std::unique_ptr<Client> client;
  v1::Subscribed subscribed;
};

using From = v1::Subscribe;

TEST_F(SubscriberTest, BeginsWhereItIsAskedTo) {
  publish({"a", "b", "c", "d"});
  const std::int64_t time_of_c = micros(world.clock.now() - 2s);
  const auto from = [&](const std::function<void(From&)>& start) {
    return values_of(subscribe(start));
  };
  EXPECT_THAT(from([](From& f) { f.set_earliest(true); }), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(from([](From& f) { f.set_offset(2); }), ElementsAre("c", "d"));
  EXPECT_THAT(from([](From& f) { f.set_offset(4); }), IsEmpty());
  EXPECT_THAT(from([](From& f) { f.set_last(1); }), ElementsAre("d"));
  EXPECT_THAT(from([](From& f) { f.set_last(9); }), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(from([&](From& f) { f.set_time_us(time_of_c); }), ElementsAre("c", "d"));
  EXPECT_THAT(from([&](From& f) { f.set_time_us(time_of_c + 9'000'000); }), IsEmpty());
  EXPECT_THAT(from([](From& f) {
                v1::Cursor& cursor = *f.mutable_cursors()->add_cursors();
                cursor.set_next_offset(3);
              }),
              ElementsAre("d"));
  EXPECT_THAT(from([](From& f) { f.set_latest(true); }), IsEmpty());
  EXPECT_EQ(subscribed.partitions(0).start_offset(), 4U);
  EXPECT_EQ(subscribed.partitions(0).end_offset(), 4U);
}

TEST_F(SubscriberTest, GoesOnLiveBehindWhatWasThere) {
  publish({"a"});
  EXPECT_THAT(values_of(subscribe([](From& f) { f.set_earliest(true); })), ElementsAre("a"));
  publish({"b"});
  EXPECT_THAT(values_of(client->said()), ElementsAre("b"));
  publish({"c", "d"});
  EXPECT_THAT(values_of(client->said()), ElementsAre("c", "d"));
}

TEST_F(SubscriberTest, RefusesStartsThatThereAreNot) {
  publish({"a"});
  const auto refusal = [&](const std::function<void(From&)>& start) {
    v1::Stanza stanza = subscribe_to("events", 1);
    start(*stanza.mutable_subscribe());
    return client->ask(stanza).error().code();
  };
  EXPECT_EQ(refusal([](From& f) { f.set_offset(2); }), v1::CODE_OUT_OF_RANGE);
  EXPECT_EQ(refusal([](From& f) { f.set_offset(UINT64_MAX); }), v1::CODE_OUT_OF_RANGE);
  EXPECT_EQ(refusal([](From&) {}), v1::CODE_INVALID_ARGUMENT);
  EXPECT_EQ(refusal([](From& f) { f.mutable_cursors(); }), v1::CODE_INVALID_ARGUMENT);
  EXPECT_EQ(refusal([](From& f) {
              f.set_earliest(true);
              f.add_partitions(1);
            }),
            v1::CODE_NOT_FOUND);
  EXPECT_EQ(refusal([](From& f) {
              f.set_earliest(true);
              f.set_topic("none");
            }),
            v1::CODE_NOT_FOUND);
  EXPECT_EQ(refusal([&](From& f) {
              f.set_earliest(true);
              f.set_credit(static_cast<std::uint32_t>(world.in_force.credit) + 1);
            }),
            v1::CODE_INVALID_ARGUMENT);
  EXPECT_EQ(world.watchers(), 0U) << "a refused subscription leaves nothing behind";
}

// Each of the partitions that a group gives would end the subscription; the first does.
TEST_F(SubscriberTest, OfAGroupIsOverOnceWhenNoneOfItsPartitionsCanBeRead) {
  world.create_topic("pairs", 2);
  v1::Stanza stanza = subscribe_to("pairs", 1);
  stanza.mutable_subscribe()->set_group("g");
  stanza.mutable_subscribe()->set_offset(9);
  client->say(stanza);
  std::size_t errors = 0;
  for (const v1::Stanza& said : client->said()) {
    if (!said.has_error()) continue;
    EXPECT_EQ(said.error().code(), v1::CODE_OUT_OF_RANGE);
    ++errors;
  }
  EXPECT_EQ(errors, 1U);
  EXPECT_EQ(world.watchers(), 0U);
  EXPECT_THAT(values_of(subscribe([](From& f) { f.set_earliest(true); })), IsEmpty())
      << "it goes on";
}

TEST_F(SubscriberTest, DeliversNoMoreThanItsCredit) {
  publish({"a", "b", "c", "d", "e"});
  EXPECT_THAT(values_of(subscribe([](From& f) { f.set_earliest(true); }, 2)),
              ElementsAre("a", "b"));
  EXPECT_THAT(client->said(), IsEmpty());
  acknowledge(1);
  EXPECT_THAT(values_of(client->said()), ElementsAre("c"));
  acknowledge(1);  // again: nothing is given back twice
  EXPECT_THAT(client->said(), IsEmpty());
  v1::Stanza credit;
  credit.mutable_credit()->set_subscription_id(subscribed.subscription_id());
  credit.mutable_credit()->set_records(1);
  client->say(credit);
  EXPECT_THAT(values_of(client->said()), ElementsAre("d"));
  acknowledge(4);
  EXPECT_THAT(values_of(client->said()), ElementsAre("e"));
}

TEST_F(SubscriberTest, RefusesAnAcknowledgementOfWhatWasNotDelivered) {
  publish({"a", "b"});
  subscribe([](From& f) { f.set_earliest(true); }, 1);
  acknowledge(2);
  EXPECT_EQ(client->said().at(0).error().code(), v1::CODE_OUT_OF_RANGE);
}

TEST_F(SubscriberTest, RefusesCreditAboveTheMost) {
  world.in_force.credit = 10;
  client = Client::welcomed(world);
  subscribe([](From& f) { f.set_earliest(true); }, 6);
  v1::Stanza credit;
  credit.set_id(3);
  credit.mutable_credit()->set_subscription_id(subscribed.subscription_id());
  for (const std::uint32_t records : {5U, UINT32_MAX}) {
    credit.mutable_credit()->set_records(records);
    client->say(credit);
    EXPECT_EQ(client->said().at(0).error().code(), v1::CODE_INVALID_ARGUMENT);
  }
}

TEST_F(SubscriberTest, PutsAGapInThePlaceOfWhatIsLost) {
  publish({"a", "b", "c", "d"});
  world.scripted().damaged = OffsetRange{.first = engine::Offset(0), .end = engine::Offset(2)};
  const std::vector<v1::Stanza> said = subscribe([](From& f) { f.set_earliest(true); });
  ASSERT_FALSE(said.empty());
  EXPECT_EQ(said[0].gap().first_offset(), 0U);
  EXPECT_EQ(said[0].gap().end_offset(), 2U);
  EXPECT_EQ(said[0].gap().code(), v1::CODE_DATA_LOSS);
  EXPECT_THAT(values_of(said), ElementsAre("c", "d"));
}

TEST_F(SubscriberTest, EndsASubscriptionAndNoOther) {
  subscribe([](From& f) { f.set_earliest(true); });
  const std::uint64_t first = subscribed.subscription_id();
  subscribe([](From& f) { f.set_earliest(true); });
  v1::Stanza unsubscribe;
  unsubscribe.mutable_unsubscribe()->set_subscription_id(first);
  EXPECT_EQ(client->ask(unsubscribe).unsubscribed().subscription_id(), first);
  EXPECT_EQ(client->ask(unsubscribe).error().code(), v1::CODE_NOT_FOUND);
  publish({"a"});
  const std::vector<v1::Stanza> said = client->said();
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_EQ(said[0].delivery().subscription_id(), subscribed.subscription_id());
}

TEST_F(SubscriberTest, HasAMostOfSubscriptions) {
  world.in_force.subscriptions = 2;
  client = Client::welcomed(world);
  for (int i = 0; i < 2; ++i) subscribe([](From& f) { f.set_latest(true); });
  v1::Stanza third = subscribe_to("events", 1);
  third.mutable_subscribe()->set_latest(true);
  EXPECT_EQ(client->ask(third).error().code(), v1::CODE_RESOURCE_EXHAUSTED);
}

TEST_F(SubscriberTest, HoldsLittleForAPeerThatDoesNotReadAndLosesNothing) {
  const std::string value(50'000, 'x');
  subscribe([](From& f) { f.set_earliest(true); });
  client->stop_reading();
  const std::size_t count = 200;
  for (std::size_t i = 0; i < count; ++i) {
    publisher->publish("events", std::to_string(i) + value);
    publisher->said();
    world.settle();
    EXPECT_LE(client->session().outbox().waiting(),
              world.in_force.output_bytes + 2 * limits::kDeliveryBytes + limits::kFrameBytesMax);
  }
  client->read_again();
  const std::vector<std::string> values = values_of(client->said());
  ASSERT_EQ(values.size(), count);
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(values[i], std::to_string(i) + value);
}

TEST_F(SubscriberTest, IsNotReadWhileItsAnswersAreNot) {
  client->stop_reading();
  v1::Stanza describe;
  describe.set_id(4);
  describe.mutable_describe_topic()->set_topic("events");
  std::size_t asked = 0;
  while (client->session().takes_input() && asked < 1'000'000) {
    client->say(describe);
    ++asked;
  }
  EXPECT_FALSE(client->session().takes_input());
  EXPECT_LE(client->session().outbox().waiting(), 2 * world.in_force.output_bytes + 1024);
  client->read_again();
  EXPECT_EQ(client->said().size(), asked);
  EXPECT_TRUE(client->session().takes_input());
}

TEST_F(SubscriberTest, LeavesNothingBehind) {
  subscribe([](From& f) { f.set_earliest(true); });
  EXPECT_EQ(world.watchers(), 1U);
  client.reset();
  EXPECT_EQ(world.watchers(), 0U);
}

// Whatever a subscriber does and however it is slowed down, it gets each partition's records in
// order and once.
TEST(SubscriberProperty, DeliversEachPartitionInOrderAndOnce) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    engine::Random random(seed);
    World world;
    world.in_force.output_bytes = limits::kDeliveryBytes;
    world.create_topic("events", 3);
    const auto publisher = Client::welcomed(world);
    const auto client = Client::welcomed(world);
    v1::Stanza subscribe = subscribe_to("events", static_cast<std::uint32_t>(1 + random.below(40)));
    subscribe.mutable_subscribe()->set_earliest(true);
    const std::uint64_t id = client->ask(subscribe).subscribed().subscription_id();
    std::array<std::uint64_t, 3> sent{};
    std::array<std::uint64_t, 3> got{};
    const auto take = [&] {
      for (const v1::Stanza& stanza : client->said()) {
        const std::uint32_t partition = stanza.delivery().partition();
        for (const v1::DeliveredRecord& record : stanza.delivery().records()) {
          ASSERT_EQ(record.offset(), got.at(partition)) << "seed " << seed;
          ++got.at(partition);
        }
      }
    };
    const auto acknowledge = [&](std::uint32_t partition) {
      v1::Stanza stanza;
      stanza.mutable_acknowledge()->set_subscription_id(id);
      stanza.mutable_acknowledge()->set_partition(partition);
      stanza.mutable_acknowledge()->set_end_offset(got.at(partition));
      client->say(stanza);
    };
    for (int step = 0; step < 300; ++step) {
      const auto partition = static_cast<std::uint32_t>(random.below(3));
      switch (random.below(5)) {
        case 0:
        case 1:
          publisher->publish("events", std::string(random.below(20'000), 'x'), 0, partition);
          ++sent.at(partition);
          break;
        case 2:
          client->stop_reading();
          break;
        case 3:
          client->read_again();
          take();
          break;
        default:
          acknowledge(partition);
      }
      publisher->said();
    }
    client->read_again();
    for (int round = 0; round < 1000 && got != sent; ++round) {
      take();
      for (std::uint32_t partition = 0; partition < 3; ++partition) acknowledge(partition);
    }
    EXPECT_EQ(got, sent) << "seed " << seed;
  }
}

}  // namespace
}  // namespace bimip::testing
