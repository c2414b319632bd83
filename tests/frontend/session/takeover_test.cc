// One session a device: the newest. And how cursors are taken up.
#include <gtest/gtest.h>

#include "tests/frontend/session/world.h"

namespace bimip::testing {
namespace {

using State = frontend::DeviceState;

TEST(Takeover, EndsTheOlderSessionOfTheDeviceAndTellsItWhy) {
  World world;
  const auto older = Client::welcomed(world, {}, "alice", "phone");
  const auto other = Client::welcomed(world, {}, "alice", "laptop");
  const auto newer = Client::welcomed(world, {}, "alice", "phone");
  const std::vector<v1::Stanza> told = older->said();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].goodbye().code(), v1::CODE_TAKEN_OVER);
  EXPECT_FALSE(told[0].goodbye().retry());
  EXPECT_TRUE(older->session().is_over());
  EXPECT_TRUE(newer->session().is_open());
  EXPECT_TRUE(other->session().is_open());
}

// The older one's connection may be dead and nobody know it yet.
TEST(Takeover, IsNotRefusedForTheSessionsThatAnEntityHas) {
  World world;
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < World::kSessionsPerEntity; ++i)
    clients.push_back(Client::welcomed(world, {}, "alice", "device " + std::to_string(i)));
  const auto come = [&](const std::string& device) {
    v1::Stanza identity;
    identity.mutable_identity()->set_protocol_version(1);
    identity.mutable_identity()->set_eid("alice");
    identity.mutable_identity()->set_device(device);
    clients.push_back(std::make_unique<Client>(world));
    clients.back()->say(identity);
    return clients.back()->said().at(0);
  };
  const auto refuses = [&](const std::string& device) {
    return come(device).goodbye().code() == v1::CODE_RESOURCE_EXHAUSTED;
  };
  EXPECT_TRUE(refuses("another"));
  for (std::uint64_t epoch = 2; epoch < 5; ++epoch)
    EXPECT_EQ(come("device 0").welcome().device_epoch(), epoch);
  EXPECT_TRUE(refuses("another"));
  EXPECT_TRUE(refuses("")) << "one without a device has no place to take";
  // Those that were taken over count no more, and give nothing back a second time.
  clients.erase(clients.begin());
  EXPECT_TRUE(refuses("another"));
  clients.erase(clients.begin());
  EXPECT_EQ(come("another").welcome().device_epoch(), 1U);
  EXPECT_TRUE(refuses("one more"));
}

TEST(Takeover, LeavesSessionsWithoutADeviceAlone) {
  World world;
  const auto one = Client::welcomed(world, {}, "alice");
  const auto two = Client::welcomed(world, {}, "alice");
  EXPECT_TRUE(one->session().is_open());
  EXPECT_TRUE(two->session().is_open());
  EXPECT_TRUE(world.registry()->list("", {}, 10).empty());
}

// The notice of it is still on its way when it says more.
TEST(Takeover, RefusesWhatTheOlderSessionSaysAfterwards) {
  World world;
  world.create_topic("events");
  const auto older = Client::welcomed(world, {}, "alice", "phone");
  Client newer(world);
  v1::Stanza identity;
  identity.set_id(1);
  identity.mutable_identity()->set_protocol_version(1);
  identity.mutable_identity()->set_eid("alice");
  identity.mutable_identity()->set_device("phone");
  newer.say(identity);
  older->publish("events", "late");
  EXPECT_TRUE(older->session().is_over());
  world.settle();
  const auto topic = world.scripted().find_topic("events");
  EXPECT_EQ(world.scripted().bounds(topic->id, PartitionId(0))->visible_end, engine::Offset(0));
  EXPECT_EQ(newer.said().at(0).welcome().device_epoch(), 2U);
}

// It has not heard yet that it is not the group's member any more.
TEST(Takeover, MovesNoGroupByALateAcknowledgement) {
  World world;
  world.create_topic("events");
  const auto publisher = Client::welcomed(world);
  publisher->publish("events", "one");
  (void)publisher->said();
  const auto older = Client::welcomed(world, {}, "alice", "phone");
  v1::Stanza subscribe = subscribe_to("events", 10);
  subscribe.mutable_subscribe()->set_earliest(true);
  subscribe.mutable_subscribe()->set_group("g");
  older->say(subscribe);
  EXPECT_EQ(values_of(older->said()), std::vector<std::string>{"one"});
  Client newer(world);
  v1::Stanza identity;
  identity.mutable_identity()->set_protocol_version(1);
  identity.mutable_identity()->set_eid("alice");
  identity.mutable_identity()->set_device("phone");
  newer.say(identity);
  v1::Stanza late;
  late.mutable_acknowledge()->set_subscription_id(1);
  late.mutable_acknowledge()->set_end_offset(1);
  older->say(late);
  (void)newer.said();
  newer.say(subscribe);
  EXPECT_EQ(values_of(newer.said()), std::vector<std::string>{"one"});
}

TEST(Registry, KnowsWhatBecameOfADevice) {
  World world;
  auto client = Client::welcomed(world, {}, "alice", "phone");
  const auto state = [&] { return world.registry()->list("alice", {}, 10).at(0).facts.state; };
  EXPECT_EQ(state(), State::kConnected);
  client.reset();
  EXPECT_EQ(state(), State::kConnected) << "it may come back at once";
  world.clock.pass(limits::kSuspendAfter);
  world.registry()->on_tick();
  EXPECT_EQ(state(), State::kSuspended);
  world.clock.pass(limits::kExpireAfter);
  world.registry()->on_tick();
  EXPECT_EQ(state(), State::kExpired);
  world.clock.pass(limits::kForgetAfter);
  world.registry()->on_tick();
  world.settle();
  EXPECT_TRUE(world.registry()->list("", {}, 10).empty());
  EXPECT_EQ(world.registry()->numbers().expired, 0U);
}

class Resume : public ::testing::Test {
 protected:
  Resume() {
    world.create_topic("events");
    client = Client::welcomed(world);
    for (int i = 0; i < 4; ++i) client->publish("events", std::to_string(i));
    (void)client->said();
  }
  v1::Stanza subscribe(std::uint64_t next, std::uint64_t epoch) {
    v1::Stanza stanza = subscribe_to("events", 10);
    v1::Cursor& cursor = *stanza.mutable_subscribe()->mutable_cursors()->add_cursors();
    cursor.set_next_offset(next);
    cursor.set_epoch(epoch);
    stanza.set_id(70);
    client->say(stanza);
    const std::vector<v1::Stanza> said = client->said();
    values = values_of(said);
    return said.at(0);
  }
  World world;
  std::unique_ptr<Client> client;
  std::vector<std::string> values;
};

TEST_F(Resume, IsExactWhereTheRecordsAreThere) {
  const v1::Stanza first = subscribe(2, 0);
  EXPECT_EQ(first.subscribed().partitions(0).resume(), v1::RESUME_EXACT);
  EXPECT_NE(first.subscribed().epoch(), 0U);
  const v1::Stanza again = subscribe(3, first.subscribed().epoch());
  EXPECT_EQ(again.subscribed().partitions(0).resume(), v1::RESUME_EXACT);
  EXPECT_EQ(values, std::vector<std::string>{"3"});
}

TEST_F(Resume, SaysThatTheOffsetsAreOfAnotherLog) {
  const std::uint64_t epoch = subscribe(0, 0).subscribed().epoch();
  const v1::Stanza changed = subscribe(1'000'000, epoch + 1);
  EXPECT_EQ(changed.subscribed().partitions(0).resume(), v1::RESUME_EPOCH_CHANGED);
  EXPECT_EQ(values.size(), 4U);
}

TEST_F(Resume, RefusesAPlaceThatThereIsNot) {
  EXPECT_EQ(subscribe(5, 0).error().code(), v1::CODE_OUT_OF_RANGE);
}

TEST_F(Resume, SaysWhichRecordsRetentionTook) {
  world.scripted().starts_at = engine::Offset(2);
  const v1::Stanza lost = subscribe(1, 0);
  const v1::PartitionStart& start = lost.subscribed().partitions(0);
  EXPECT_EQ(start.resume(), v1::RESUME_FROM_RETENTION);
  EXPECT_EQ(start.lost_first_offset(), 1U);
  EXPECT_EQ(start.lost_end_offset(), 2U);
  EXPECT_EQ(start.start_offset(), 2U);
  EXPECT_EQ(values, (std::vector<std::string>{"2", "3"}));
}

}  // namespace
}  // namespace bimip::testing
