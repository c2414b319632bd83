#include "frontend/session/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontend/session/world.h"

namespace bimip::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

v1::Stanza ping(std::int64_t sent_at_us) {
  v1::Stanza stanza;
  stanza.mutable_ping()->set_sent_at_us(sent_at_us);
  return stanza;
}

v1::Stanza identity(const std::function<void(v1::Identity&)>& change = [](v1::Identity&) {}) {
  v1::Stanza stanza;
  stanza.set_id(7);
  v1::Identity& identity = *stanza.mutable_identity();
  identity.set_protocol_version(1);
  identity.set_eid("alice");
  change(identity);
  return stanza;
}

v1::Goodbye goodbye_of(Client& client) {
  const std::vector<v1::Stanza> said = client.said();
  EXPECT_THAT(said, SizeIs(1));
  EXPECT_TRUE(client.session().is_over());
  return said.empty() ? v1::Goodbye() : said.front().goodbye();
}

TEST(Session, WelcomesWhoSaysWhoItIsAndStatesTheLimits) {
  World world;
  world.in_force.heartbeat = 20s;
  world.in_force.credit = 17;
  Client client(world);
  client.say(identity());
  const std::vector<v1::Stanza> said = client.said();
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_EQ(said[0].id(), 7U);
  const v1::Welcome& welcome = said[0].welcome();
  EXPECT_EQ(welcome.session_id(), "session-1");
  EXPECT_EQ(welcome.protocol_version(), 1U);
  EXPECT_EQ(welcome.heartbeat_ms(), 20'000U);
  EXPECT_EQ(welcome.server_time_us(), micros(world.clock.now()));
  EXPECT_EQ(welcome.limits().credit_max(), 17U);
  EXPECT_EQ(welcome.limits().message_bytes_max(), limits::kMessageBytesMax);
}

TEST(Session, RefusesAnIdentityThatIsNone) {
  const std::vector<std::function<void(v1::Identity&)>> changes{
      [](v1::Identity& i) { i.set_protocol_version(0); },
      [](v1::Identity& i) { i.set_eid(""); },
      [](v1::Identity& i) { i.set_eid(std::string(257, 'a')); },
      [](v1::Identity& i) { i.set_device(std::string(129, 'a')); },
      [](v1::Identity& i) { i.set_client(std::string(129, 'a')); },
      [](v1::Identity& i) { i.set_producer_id("short"); },
      [](v1::Identity& i) { i.set_producer_id(std::string(16, '\0')); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    World world;
    Client client(world);
    client.say(identity(changes[i]));
    const v1::Goodbye goodbye = goodbye_of(client);
    EXPECT_EQ(goodbye.code(), v1::CODE_INVALID_ARGUMENT) << i;
    EXPECT_FALSE(goodbye.retry());
  }
}

TEST(Session, TakesNothingButIdentityAndPingFirst) {
  World world;
  Client client(world);
  client.say(ping(5));
  EXPECT_EQ(client.said().at(0).pong().sent_at_us(), 5);
  client.publish("events", "x");
  EXPECT_EQ(goodbye_of(client).code(), v1::CODE_UNAUTHENTICATED);
}

TEST(Session, KeepsItsIdentity) {
  World world;
  const auto client = Client::welcomed(world);
  EXPECT_EQ(client->ask(identity()).error().code(), v1::CODE_INVALID_ARGUMENT);
  EXPECT_FALSE(client->session().is_over());
}

TEST(Session, EndsWhenNoIdentityComesInTime) {
  World world;
  Client client(world);
  world.clock.pass(world.in_force.identify_within - 1ms);
  client.say(ping(1));  // no way to stay
  client.session().on_tick(world.now());
  EXPECT_THAT(client.said(), SizeIs(1));
  world.clock.pass(1ms);
  client.session().on_tick(world.now());
  const v1::Goodbye goodbye = goodbye_of(client);
  EXPECT_EQ(goodbye.code(), v1::CODE_TIMEOUT);
  EXPECT_TRUE(goodbye.retry());
}

TEST(Session, AllowsLongFramesOnlyToWhoSaidWhoItIs) {
  World world;
  Client client(world);
  EXPECT_EQ(client.session().frame_bytes_max(), limits::kIdentityFrameBytesMax);
  client.say(identity());
  EXPECT_EQ(client.session().frame_bytes_max(), limits::kFrameBytesMax);
}

TEST(Session, AnswersABodyThatItDoesNotKnow) {
  World world;
  const auto client = Client::welcomed(world);
  const v1::Stanza answer = client->ask({});
  EXPECT_EQ(answer.error().code(), v1::CODE_UNIMPLEMENTED);
  EXPECT_FALSE(client->session().is_over());
}

TEST(Session, EndsOnAFrameThatIsNoStanza) {
  World world;
  const auto client = Client::welcomed(world);
  client->session().on_frame(engine::as_bytes("\xFF\xFF\xFF"), world.now());
  EXPECT_EQ(goodbye_of(*client).code(), v1::CODE_MALFORMED);
}

TEST(Session, SaysWhatIsWrongWithAStream) {
  for (const auto& [problem, code] :
       {std::pair(FrameProblem::kEmptyFrame, v1::CODE_MALFORMED),
        std::pair(FrameProblem::kFrameTooLarge, v1::CODE_TOO_LARGE),
        std::pair(FrameProblem::kOtherVersion, v1::CODE_UNSUPPORTED_VERSION)}) {
    World world;
    const auto client = Client::welcomed(world);
    client->session().on_bad_stream(problem);
    EXPECT_EQ(goodbye_of(*client).code(), code);
    client->session().on_bad_stream(problem);  // once is enough
    EXPECT_THAT(client->said(), IsEmpty());
  }
}

TEST(Session, DrainsByAnsweringWhatItTookAndThenSaysGoodbye) {
  World world;
  world.create_topic("events");
  const auto client = Client::welcomed(world);
  world.scripted().holds = true;
  const std::uint64_t first = client->publish("events", "a");
  const std::uint64_t second = client->publish("events", "b");
  client->session().on_drain();
  EXPECT_FALSE(client->session().takes_input());
  client->publish("events", "too late");
  EXPECT_THAT(client->said(), IsEmpty());
  world.scripted().let_go();
  const std::vector<v1::Stanza> said = client->said();
  ASSERT_THAT(said, SizeIs(3));
  EXPECT_THAT((std::vector{said[0].id(), said[1].id()}), ElementsAre(first, second));
  EXPECT_EQ(said[2].goodbye().code(), v1::CODE_UNAVAILABLE);
  EXPECT_TRUE(said[2].goodbye().retry());
  EXPECT_TRUE(client->session().is_over());
}

TEST(Session, TellsItsFarewellAndWorksOnUntilItIsTime) {
  World world;
  world.create_topic("events");
  const auto client = Client::welcomed(world);
  client->session().on_farewell({.leave_within = 1500ms, .come_back_after = 700ms});
  EXPECT_EQ(client->said().at(0).draining().leave_within_ms(), 1500U);
  client->publish("events", "in time");
  EXPECT_TRUE(client->said().at(0).has_published());
  client->session().on_drain();
  const v1::Goodbye goodbye = goodbye_of(*client);
  EXPECT_EQ(goodbye.code(), v1::CODE_UNAVAILABLE);
  EXPECT_EQ(goodbye.retry_after_ms(), 700U);
}

TEST(Session, IsOneOfSoManyOfItsEntity) {
  World world;
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < World::kSessionsPerEntity; ++i) clients.push_back(Client::welcomed(world));
  Client refused(world);
  refused.say(identity([](v1::Identity& i) { i.set_eid("tester"); }));
  const v1::Goodbye goodbye = goodbye_of(refused);
  EXPECT_EQ(goodbye.code(), v1::CODE_RESOURCE_EXHAUSTED);
  EXPECT_TRUE(goodbye.retry());
  EXPECT_GT(goodbye.retry_after_ms(), 0U);
  Client other(world);
  other.say(identity());
  EXPECT_TRUE(other.said().at(0).has_welcome());
  clients.pop_back();
  Client::welcomed(world);
}

TEST(Session, IsReadMoreSlowlyWhenItPublishesTooFast) {
  World world;
  world.create_topic("events");
  world.in_force.publish_rate = 10;
  const auto client = Client::welcomed(world);
  for (int i = 0; i < 12; ++i) client->publish("events", "x");
  EXPECT_THAT(client->said(), SizeIs(12)) << "what was read is taken";
  EXPECT_FALSE(client->session().takes_input());
  world.clock.pass(100ms);
  client->session().on_tick(world.now());
  EXPECT_FALSE(client->session().takes_input());
  world.clock.pass(300ms);
  client->session().on_tick(world.now());
  EXPECT_TRUE(client->session().takes_input());
}

TEST(Session, TakesTopicCommands) {
  World world;
  const auto client = Client::welcomed(world);
  v1::Stanza create;
  create.mutable_create_topic()->set_topic("events");
  create.mutable_create_topic()->mutable_config()->set_partitions(3);
  EXPECT_EQ(client->ask(create).topic_description().partitions_size(), 3);
  EXPECT_TRUE(client->ask(create).has_topic_description());
  create.mutable_create_topic()->mutable_config()->set_partitions(4);
  EXPECT_EQ(client->ask(create).error().code(), v1::CODE_ALREADY_EXISTS);
  v1::Stanza describe;
  describe.mutable_describe_topic()->set_topic("none");
  EXPECT_EQ(client->ask(describe).error().code(), v1::CODE_NOT_FOUND);
  v1::Stanza list;
  list.mutable_list_topics();
  EXPECT_EQ(client->ask(list).topic_list().topics_size(), 1);
  list.mutable_list_topics()->set_after("events");
  EXPECT_EQ(client->ask(list).topic_list().topics_size(), 0);
}

TEST(Session, BringsPartitionsBackThatAreInTrouble) {
  World world;
  const auto client = Client::welcomed(world);
  world.create_topic("events", 2);
  const auto publish = [&](std::uint32_t partition) {
    v1::Stanza stanza;
    stanza.mutable_publish()->set_topic("events");
    stanza.mutable_publish()->set_partition(partition);
    stanza.mutable_publish()->set_value("value");
    return client->ask(stanza);
  };
  EXPECT_TRUE(publish(0).has_published());
  world.device().fail_next(
      {.operation = engine::SimOperation::kWrite, .path_contains = "/events/0/"});
  EXPECT_TRUE(publish(0).has_error());
  EXPECT_TRUE(publish(1).has_published()) << "the others go on";
  v1::Stanza describe;
  describe.mutable_describe_topic()->set_topic("events");
  const v1::TopicDescription troubled = client->ask(describe).topic_description();
  ASSERT_EQ(troubled.partitions_size(), 2);
  EXPECT_THAT(troubled.partitions(0).trouble(), ::testing::Not(IsEmpty()));
  EXPECT_THAT(troubled.partitions(1).trouble(), IsEmpty());
  v1::Stanza reopen;
  reopen.mutable_reopen_topic()->set_topic("events");
  reopen.mutable_reopen_topic()->set_partition(2);
  EXPECT_EQ(client->ask(reopen).error().code(), v1::CODE_NOT_FOUND);
  reopen.mutable_reopen_topic()->clear_partition();
  const v1::TopicDescription well = client->ask(reopen).topic_description();
  ASSERT_EQ(well.partitions_size(), 2);
  EXPECT_THAT(well.partitions(0).trouble(), IsEmpty());
  EXPECT_TRUE(publish(0).has_published());
}

TEST(Session, SaysTheSameWhenItIsToldTheSame) {
  const auto run = [] {
    World world;
    world.create_topic("events", 2);
    const auto client = Client::welcomed(world);
    v1::Stanza subscribe = subscribe_to("events", 100);
    subscribe.mutable_subscribe()->set_earliest(true);
    std::string all = client->ask(subscribe).SerializeAsString();
    for (int i = 0; i < 50; ++i) {
      client->publish("events", std::to_string(i), 0, {});
      world.clock.pass(10ms);
      if (i % 7 == 0) {
        for (const v1::Stanza& stanza : client->said()) all += stanza.SerializeAsString();
      }
    }
    for (const v1::Stanza& stanza : client->said()) all += stanza.SerializeAsString();
    return all;
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace bimip::testing
