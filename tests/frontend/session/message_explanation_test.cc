// What is told of a message to those who may know.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontend/session/world.h"

namespace bimip::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class MessageExplanationTest : public ::testing::Test {
 protected:
  MessageExplanationTest() { alice = device("alice", "laptop"); }

  std::unique_ptr<Client> device(const std::string& eid, const std::string& name) {
    auto client = std::make_unique<Client>(world);
    v1::Stanza stanza;
    stanza.mutable_identity()->set_protocol_version(1);
    stanza.mutable_identity()->set_eid(eid);
    stanza.mutable_identity()->set_device(name);
    EXPECT_TRUE(client->ask(stanza).has_welcome());
    return client;
  }
  v1::Sent send(const std::string& id, const std::function<void(v1::Send&)>& say = {}) {
    v1::Stanza stanza;
    v1::Send& send = *stanza.mutable_send();
    send.set_to("bob");
    send.set_message_id(id);
    if (say) say(send);
    const v1::Stanza answer = alice->ask(stanza);
    EXPECT_TRUE(answer.has_sent()) << answer.ShortDebugString();
    return answer.sent();
  }
  std::uint64_t open(Client& client, std::uint32_t credit = 0) {
    v1::Stanza stanza;
    stanza.mutable_open_inbox()->set_credit(credit);
    return client.ask(stanza).inbox_opened().inbox_id();
  }
  void acknowledge(Client& client, std::uint64_t inbox, std::uint64_t up_to) {
    v1::Stanza stanza;
    stanza.mutable_acknowledge_inbox()->set_inbox_id(inbox);
    stanza.mutable_acknowledge_inbox()->set_up_to(up_to);
    client.say(stanza);
    (void)client.said();
  }
  v1::Stanza ask(Client& client, const std::string& id, const std::string& to = "bob") {
    v1::Stanza stanza;
    stanza.mutable_explain_message()->set_message_id(id);
    stanza.mutable_explain_message()->set_to(to);
    return client.ask(stanza);
  }
  v1::MessageExplanation explain(const std::string& id) {
    const v1::Stanza answer = ask(*alice, id);
    EXPECT_TRUE(answer.has_message_explanation()) << answer.ShortDebugString();
    return answer.message_explanation();
  }
  static std::vector<std::pair<std::string, v1::DeviceDelivery>> devices(
      const v1::MessageExplanation& told) {
    std::vector<std::pair<std::string, v1::DeviceDelivery>> found;
    for (const v1::DeviceProgress& device : told.devices())
      found.emplace_back(device.device(), device.delivery());
    return found;
  }

  World world;
  std::unique_ptr<Client> alice;
};

TEST_F(MessageExplanationTest, SaysWhereItIsAndThatItSurvives) {
  send("a");
  const v1::Sent sent = send("b", [](v1::Send& send) { send.set_expires_in_ms(5000); });
  const v1::MessageExplanation told = explain("b");
  EXPECT_EQ(told.fate(), v1::MESSAGE_FATE_IN_INBOX);
  EXPECT_EQ(told.from(), "alice");
  EXPECT_EQ(told.from_device(), "laptop");
  EXPECT_EQ(told.to(), "bob");
  EXPECT_EQ(told.category(), "chat");
  EXPECT_EQ(told.offset(), sent.offset());
  EXPECT_EQ(told.increment(), 2U);
  EXPECT_EQ(told.stored_at_us(), micros(world.clock.now()));
  EXPECT_EQ(told.expires_at_us(), micros(world.clock.now() + 5s));
  EXPECT_TRUE(told.is_durable());
  EXPECT_FALSE(told.has_held_at_offset());
  EXPECT_FALSE(told.is_read());
  EXPECT_THAT(devices(told), IsEmpty());
}

TEST_F(MessageExplanationTest, SaysOfEachDeviceHowFarItIsAndWhatKeepsItBack) {
  send("a");
  send("b");
  const auto phone = device("bob", "phone");
  const auto tablet = device("bob", "tablet");
  const auto watch = device("bob", "watch");
  auto desktop = device("bob", "desktop");
  acknowledge(*phone, open(*phone), 2);
  open(*tablet);
  open(*watch, 1);
  open(*desktop);
  desktop.reset();
  const auto new_one = device("bob", "new");
  EXPECT_THAT(devices(explain("b")),
              UnorderedElementsAre(Pair("phone", v1::DEVICE_DELIVERY_ACKNOWLEDGED),
                                   Pair("tablet", v1::DEVICE_DELIVERY_UNACKNOWLEDGED),
                                   Pair("watch", v1::DEVICE_DELIVERY_NO_CREDIT),
                                   Pair("desktop", v1::DEVICE_DELIVERY_AWAY),
                                   Pair("new", v1::DEVICE_DELIVERY_NOT_OPEN)));
}

TEST_F(MessageExplanationTest, SaysThatItIsForAnotherDeviceAndThatItWasRead) {
  send("a", [](v1::Send& send) { send.set_to_device("phone"); });
  const auto phone = device("bob", "phone");
  const auto tablet = device("bob", "tablet");
  acknowledge(*phone, open(*phone), 1);
  open(*tablet);
  v1::Stanza read;
  read.mutable_mark_read()->set_up_to(1);
  (void)phone->ask(read);
  const v1::MessageExplanation told = explain("a");
  EXPECT_THAT(devices(told), UnorderedElementsAre(Pair("phone", v1::DEVICE_DELIVERY_ACKNOWLEDGED),
                                                  Pair("tablet", v1::DEVICE_DELIVERY_NOT_FOR_IT)));
  EXPECT_TRUE(told.is_read());
}

TEST_F(MessageExplanationTest, WhatWaitsForItsTimeIsToldToItsAuthorAndFoundAgainLater) {
  const v1::Sent sent = send("later", [](v1::Send& send) { send.set_deliver_in_ms(10'000); });
  const v1::MessageExplanation told = explain("later");
  EXPECT_EQ(told.fate(), v1::MESSAGE_FATE_HELD);
  EXPECT_EQ(told.offset(), sent.offset());
  EXPECT_EQ(told.deliver_at_us(), micros(world.clock.now() + 10s));
  EXPECT_EQ(told.increment(), 0U);
  EXPECT_TRUE(told.is_durable());
  const auto bob = device("bob", "phone");
  EXPECT_EQ(ask(*bob, "later").error().code(), v1::CODE_NOT_FOUND);
  world.clock.pass(11s);
  world.settle();
  const v1::MessageExplanation delivered = explain("later");
  EXPECT_EQ(delivered.fate(), v1::MESSAGE_FATE_IN_INBOX);
  EXPECT_EQ(delivered.held_at_offset(), sent.offset());
  EXPECT_GT(delivered.offset(), sent.offset());
  EXPECT_TRUE(ask(*bob, "later").has_message_explanation());
}

TEST_F(MessageExplanationTest, SaysThatItHasExpired) {
  send("gone", [](v1::Send& send) { send.set_expires_in_ms(5000); });
  const auto bob = device("bob", "phone");
  world.clock.pass(6s);
  open(*bob);
  const v1::MessageExplanation told = explain("gone");
  EXPECT_EQ(told.fate(), v1::MESSAGE_FATE_EXPIRED);
  EXPECT_THAT(devices(told), ElementsAre(Pair("phone", v1::DEVICE_DELIVERY_NOT_NOW)));
}

TEST_F(MessageExplanationTest, FindsAMessageBehindManyOthers) {
  send("first");
  v1::Stanza other;
  other.mutable_send()->set_to("bob");
  for (std::size_t i = 0; i < 2 * limits::kInboxRecordsPerRead; ++i) {
    other.mutable_send()->set_message_id(std::to_string(i));
    alice->say(other);
    if (i % 100 == 99) (void)alice->said();
  }
  EXPECT_EQ(explain("first").increment(), 1U);
}

TEST_F(MessageExplanationTest, WhatThereIsNotIsNotFound) {
  send("a");
  EXPECT_EQ(ask(*alice, "b").error().code(), v1::CODE_NOT_FOUND);
  EXPECT_EQ(ask(*alice, "a", "carol").error().code(), v1::CODE_NOT_FOUND);
  EXPECT_EQ(ask(*alice, "").error().code(), v1::CODE_INVALID_ARGUMENT);
  v1::Stanza nowhere;
  nowhere.mutable_explain_message()->set_message_id("a");
  nowhere.mutable_explain_message()->set_category("nothing");
  EXPECT_EQ(alice->ask(nowhere).error().code(), v1::CODE_NOT_FOUND);
}

}  // namespace
}  // namespace bimip::testing
