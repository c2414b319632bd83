#include "frontend/session/publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontend/session/world.h"

namespace bimip::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kProducer(16, 'p');

std::vector<std::string> stored(World& world, const std::string& topic) {
  const auto reader = Client::welcomed(world);
  v1::Stanza subscribe = subscribe_to(topic, 100'000);
  subscribe.set_id(2);
  subscribe.mutable_subscribe()->set_earliest(true);
  reader->say(subscribe);
  return values_of(reader->said());
}

TEST(Publisher, AnswersWithThePlaceOnceItIsDurable) {
  World world;
  world.create_topic("events");
  const auto client = Client::welcomed(world);
  world.scripted().holds = true;
  const std::uint64_t id = client->publish("events", "a");
  EXPECT_THAT(client->said(), IsEmpty());
  world.scripted().let_go();
  const std::vector<v1::Stanza> said = client->said();
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_EQ(said[0].id(), id);
  EXPECT_EQ(said[0].published().offset(), 0U);
}

TEST(Publisher, AnswersInTheOrderOfPublishing) {
  World world;
  world.create_topic("events");
  const auto client = Client::welcomed(world);
  for (int i = 0; i < 500; ++i) client->publish("events", std::to_string(i));
  const std::vector<v1::Stanza> said = client->said();
  ASSERT_THAT(said, SizeIs(500));
  for (std::size_t i = 0; i < said.size(); ++i) {
    EXPECT_EQ(said[i].id(), i + 3);
    EXPECT_EQ(said[i].published().offset(), i);
  }
}

TEST(Publisher, StoresARetriedNumberOnceAlsoFromAnotherSession) {
  World world;
  world.create_topic("events");
  const auto first = Client::welcomed(world, kProducer);
  first->publish("events", "a", 1);
  first->publish("events", "b", 2);
  EXPECT_THAT(first->said(), SizeIs(2));
  const auto second = Client::welcomed(world, kProducer);
  second->publish("events", "b", 2);
  second->publish("events", "c", 3);
  const std::vector<v1::Stanza> said = second->said();
  ASSERT_THAT(said, SizeIs(2));
  EXPECT_EQ(said[0].published().offset(), 1U);
  EXPECT_EQ(said[1].published().offset(), 2U);
  EXPECT_THAT(stored(world, "events"), ElementsAre("a", "b", "c"));
}

TEST(Publisher, FencesTheNumbersBehindARefusedOneUntilItComesAgain) {
  World world;
  world.create_topic("events");
  const auto client = Client::welcomed(world, kProducer);
  world.scripted().refuse = [](const engine::RecordFields& fields) -> std::optional<engine::Error> {
    if (engine::as_text(fields.value) != "2") return std::nullopt;
    return engine::Error{.code = ErrorCode::kNoSpace, .message = "full"};
  };
  // 2 is refused while 1 waits for the log: what comes to the log next is 1.
  for (int i = 1; i <= 4; ++i)
    client->publish("events", std::to_string(i), static_cast<std::uint64_t>(i));
  std::vector<std::uint64_t> refused;
  for (const v1::Stanza& answer : client->said()) {
    if (!answer.has_error()) continue;
    EXPECT_TRUE(answer.error().retry()) << answer.ShortDebugString();
    refused.push_back(answer.id());
  }
  EXPECT_THAT(refused, SizeIs(3));  // 2, and with it 3 and 4

  world.scripted().refuse = nullptr;
  client->publish("events", "4", 4);  // not before its turn
  EXPECT_TRUE(client->said().at(0).error().retry());
  for (int i = 2; i <= 4; ++i)
    client->publish("events", std::to_string(i), static_cast<std::uint64_t>(i));
  for (const v1::Stanza& answer : client->said()) EXPECT_TRUE(answer.has_published());
  EXPECT_THAT(stored(world, "events"), ElementsAre("1", "2", "3", "4"));
}

TEST(Publisher, DoesNotFenceBehindANumberThatCanNeverBeStored) {
  World world;
  world.create_topic("events");
  const auto client = Client::welcomed(world, kProducer);
  client->publish("events", std::string(limits::kMessageBytesMax + 1, 'x'), 1);
  client->publish("events", "after", 2);
  const std::vector<v1::Stanza> said = client->said();
  ASSERT_THAT(said, SizeIs(2));
  EXPECT_EQ(said[0].error().code(), v1::CODE_TOO_LARGE);
  EXPECT_TRUE(said[1].has_published());
}

TEST(Publisher, SendsWhatHasNoKeyOfAProducerToOnePartitionAndOthersInTurn) {
  World world;
  world.create_topic("events", 4);
  const auto partitions = [&](Client& client, bool numbered) {
    std::vector<std::uint32_t> seen;
    for (std::uint64_t i = 1; i <= 8; ++i) {
      client.publish("events", "x", numbered ? i : 0, {});
      seen.push_back(client.said().at(0).published().partition());
    }
    return seen;
  };
  const auto anonymous = Client::welcomed(world);
  EXPECT_THAT(partitions(*anonymous, false), ElementsAre(0, 1, 2, 3, 0, 1, 2, 3));
  const auto producer = Client::welcomed(world, kProducer);
  const std::vector<std::uint32_t> seen = partitions(*producer, true);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), seen[0]), 8);
}

TEST(Publisher, RefusesWhatCanNeverBeStored) {
  World world;
  world.create_topic("events");
  const auto client = Client::welcomed(world);
  const auto refusal = [&](const std::function<void(v1::Publish&)>& change) {
    v1::Stanza stanza;
    stanza.mutable_publish()->set_topic("events");
    change(*stanza.mutable_publish());
    const v1::Stanza answer = client->ask(stanza);
    EXPECT_FALSE(answer.error().retry());
    return answer.error().code();
  };
  EXPECT_EQ(refusal([](v1::Publish& p) { p.set_topic("none"); }), v1::CODE_NOT_FOUND);
  EXPECT_EQ(refusal([](v1::Publish& p) { p.set_partition(1); }), v1::CODE_NOT_FOUND);
  EXPECT_EQ(refusal([](v1::Publish& p) { p.set_producer_number(1); }), v1::CODE_INVALID_ARGUMENT);
  EXPECT_EQ(refusal([](v1::Publish& p) { p.set_tombstone(true); }), v1::CODE_INVALID_ARGUMENT);
  EXPECT_EQ(refusal([](v1::Publish& p) { p.set_key(std::string(1025, 'k')); }), v1::CODE_TOO_LARGE);
  EXPECT_EQ(refusal([](v1::Publish& p) { p.set_durability(static_cast<v1::Durability>(9)); }),
            v1::CODE_INVALID_ARGUMENT);
  EXPECT_THAT(stored(world, "events"), IsEmpty());
}

TEST(Publisher, StopsReadingWhileTooMuchIsOnItsWay) {
  World world;
  world.create_topic("events");
  world.in_force.publishes_in_flight = 10;
  world.in_force.publish_bytes_in_flight = 1000;
  const auto client = Client::welcomed(world);
  world.scripted().holds = true;
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(client->session().takes_input()) << i;
    client->publish("events", "x");
  }
  EXPECT_FALSE(client->session().takes_input());
  world.scripted().let_go();
  EXPECT_THAT(client->said(), SizeIs(10));
  EXPECT_TRUE(client->session().takes_input());
  world.scripted().holds = true;
  client->publish("events", std::string(1000, 'x'));
  EXPECT_FALSE(client->session().takes_input());
}

TEST(Publisher, OutlivesItsConnectionUntilTheLastAnswer) {
  World world;
  world.create_topic("events");
  world.scripted().holds = true;
  {
    const auto client = Client::welcomed(world);
    client->publish("events", "a");
  }
  world.scripted().let_go();
  world.settle();
  EXPECT_THAT(stored(world, "events"), ElementsAre("a"));
}

// A Publish of these values, numbered from `number` on.
v1::Stanza batch_of(const std::vector<std::string>& values, std::uint64_t number = 0) {
  v1::Stanza stanza;
  v1::Publish& publish = *stanza.mutable_publish();
  publish.set_topic("events");
  publish.set_producer_number(number);
  publish.set_value(values.front());
  for (std::size_t i = 1; i < values.size(); ++i) publish.add_more()->set_value(values[i]);
  return stanza;
}

TEST(PublisherBatch, IsStoredAsOneAndAnsweredOnce) {
  World world;
  world.create_topic("events", 3);
  const auto client = Client::welcomed(world, kProducer);
  const v1::Published first = client->ask(batch_of({"a", "b", "c"}, 1)).published();
  EXPECT_EQ(first.offset(), 0U);
  EXPECT_EQ(first.offsets_size(), 0);
  const v1::Published second = client->ask(batch_of({"d", "e"}, 4)).published();
  EXPECT_EQ(second.partition(), first.partition());
  EXPECT_EQ(second.offset(), 3U);
  EXPECT_THAT(stored(world, "events"), ElementsAre("a", "b", "c", "d", "e"));
}

TEST(PublisherBatch, StoresOfARetryWhatIsNotThereAndSaysWhereEachIs) {
  World world;
  world.create_topic("events");
  const auto client = Client::welcomed(world, kProducer);
  (void)client->ask(batch_of({"a", "b", "c"}, 1));
  client->publish("events", "z");
  (void)client->said();
  const v1::Published again = client->ask(batch_of({"b", "c", "d"}, 2)).published();
  EXPECT_THAT(again.offsets(), ElementsAre(1U, 2U, 4U));
  EXPECT_THAT(stored(world, "events"), ElementsAre("a", "b", "c", "z", "d"));
}

TEST(PublisherBatch, IsRefusedAsAWhole) {
  World world;
  world.create_topic("events", 3);
  const auto client = Client::welcomed(world);
  v1::Stanza torn = batch_of({"a", "b"});
  torn.mutable_publish()->set_key("k1");
  torn.mutable_publish()->mutable_more(0)->set_key("k1");
  EXPECT_TRUE(client->ask(torn).has_published());
  torn.mutable_publish()->mutable_more(0)->set_key("k2 of another partition");
  EXPECT_EQ(client->ask(torn).error().code(), v1::CODE_INVALID_ARGUMENT);
  torn.mutable_publish()->set_partition(1);
  EXPECT_TRUE(client->ask(torn).has_published()) << "where it is asked for";
  const std::vector<std::string> many(limits::kBatchRecordsMax + 1, "x");
  EXPECT_EQ(client->ask(batch_of(many)).error().code(), v1::CODE_TOO_LARGE);
  const std::string large(limits::kMessageBytesMax / 2 + 1, 'x');
  EXPECT_EQ(client->ask(batch_of({large, large})).error().code(), v1::CODE_TOO_LARGE);
  EXPECT_THAT(stored(world, "events"), SizeIs(4));
}

TEST(PublisherBatch, IsStoredAfterTheRefusedOneWasSentAgain) {
  World world;
  world.create_topic("events");
  const auto client = Client::welcomed(world, kProducer);
  world.scripted().refuse = [](const engine::RecordFields&) {
    return std::optional(engine::Error{.code = ErrorCode::kNoSpace, .message = "full"});
  };
  EXPECT_TRUE(client->ask(batch_of({"1", "2"}, 1)).error().retry());
  world.scripted().refuse = nullptr;
  EXPECT_TRUE(client->ask(batch_of({"3", "4"}, 3)).error().retry()) << "not before its turn";
  EXPECT_TRUE(client->ask(batch_of({"1", "2", "3"}, 1)).has_published());
  EXPECT_TRUE(client->ask(batch_of({"4"}, 4)).has_published());
  EXPECT_THAT(stored(world, "events"), ElementsAre("1", "2", "3", "4"));
}

}  // namespace
}  // namespace bimip::testing
