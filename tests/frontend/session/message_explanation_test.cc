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
  std::uint64_t open(Client& client, std::uint32_t credit = 0, std::uint64_t from = 0) {
    v1::Stanza stanza;
    stanza.mutable_open_inbox()->set_credit(credit);
    if (from > 0) stanza.mutable_open_inbox()->set_increment(from);
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

TEST_F(MessageExplanationTest, ADeviceThatBeganBehindItHasNotHadIt) {
  for (const char* id : {"a", "b", "c"}) send(id);
  const auto phone = device("bob", "phone");
  const auto tablet = device("bob", "tablet");
  const auto watch = device("bob", "watch");
  acknowledge(*phone, open(*phone, 0, 3), 3);
  open(*tablet, 0, 3);
  open(*watch, 0, 4);
  const auto expect = [&](const std::string& id, v1::DeviceDelivery on_phone,
                          v1::DeviceDelivery on_tablet, v1::DeviceDelivery on_watch) {
    EXPECT_THAT(devices(explain(id)),
                UnorderedElementsAre(Pair("phone", on_phone), Pair("tablet", on_tablet),
                                     Pair("watch", on_watch)))
        << id;
  };
  expect("b", v1::DEVICE_DELIVERY_LEFT_OUT, v1::DEVICE_DELIVERY_LEFT_OUT,
         v1::DEVICE_DELIVERY_LEFT_OUT);
  expect("c", v1::DEVICE_DELIVERY_ACKNOWLEDGED, v1::DEVICE_DELIVERY_UNACKNOWLEDGED,
         v1::DEVICE_DELIVERY_LEFT_OUT);
  // It asks for what it left out.
  const std::uint64_t again = open(*phone, 0, 2);
  expect("b", v1::DEVICE_DELIVERY_UNACKNOWLEDGED, v1::DEVICE_DELIVERY_LEFT_OUT,
         v1::DEVICE_DELIVERY_LEFT_OUT);
  acknowledge(*phone, again, 2);
  expect("b", v1::DEVICE_DELIVERY_ACKNOWLEDGED, v1::DEVICE_DELIVERY_LEFT_OUT,
         v1::DEVICE_DELIVERY_LEFT_OUT);
  expect("a", v1::DEVICE_DELIVERY_LEFT_OUT, v1::DEVICE_DELIVERY_LEFT_OUT,
         v1::DEVICE_DELIVERY_LEFT_OUT);
}

TEST_F(MessageExplanationTest, TheDeviceItWasSentToIsInTheListThoughItNeverCame) {
  send("a", [](v1::Send& send) { send.set_to_device("ghost"); });
  EXPECT_THAT(devices(explain("a")), ElementsAre(Pair("ghost", v1::DEVICE_DELIVERY_AWAY)));
}

TEST_F(MessageExplanationTest, DevicesThatOpenTheInboxAtTheSameTimeAreAllRemembered) {
  send("a");
  std::vector<std::unique_ptr<Client>> all;
  for (int i = 0; i < 5; ++i) all.push_back(device("bob", "device " + std::to_string(i)));
  v1::Stanza opening;
  opening.mutable_open_inbox()->set_credit(1);
  for (const auto& one : all) one->say(opening);
  for (const auto& one : all) (void)one->said();
  all.clear();
  EXPECT_EQ(devices(explain("a")).size(), 5U);
}

// Beyond those that are remembered.
TEST_F(MessageExplanationTest, ADeviceThatIsConnectedIsToldWithItsCursorThoughItIsNotRemembered) {
  send("a");
  const auto phone = device("bob", "phone");
  acknowledge(*phone, open(*phone), 1);
  for (std::size_t i = 0; i < limits::kDevicesRememberedMax; ++i)
    world.inboxes().devices().note("bob", "device " + std::to_string(i));
  world.settle();
  const v1::MessageExplanation told = explain("a");
  EXPECT_EQ(static_cast<std::size_t>(told.devices_size()), limits::kDevicesRememberedMax + 1);
  const v1::DeviceProgress& last = *told.devices().rbegin();
  EXPECT_EQ(last.device(), "phone");
  EXPECT_EQ(last.cursor(), 1U);
  EXPECT_EQ(last.delivery(), v1::DEVICE_DELIVERY_ACKNOWLEDGED);
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

// Its cursor has passed it, and so has the mark of what was read.
TEST_F(MessageExplanationTest, OfWhatHasExpiredItIsNotSaidThatSomebodyHasIt) {
  send("gone", [](v1::Send& send) { send.set_expires_in_ms(5000); });
  send("there");
  world.clock.pass(6s);
  const auto bob = device("bob", "phone");
  acknowledge(*bob, open(*bob), 2);
  v1::Stanza read;
  read.mutable_mark_read()->set_up_to(2);
  (void)bob->ask(read);
  const v1::MessageExplanation told = explain("gone");
  EXPECT_THAT(devices(told), ElementsAre(Pair("phone", v1::DEVICE_DELIVERY_NOT_NOW)));
  EXPECT_EQ(told.devices(0).cursor(), 2U);
  EXPECT_FALSE(told.is_read());
  EXPECT_TRUE(explain("there").is_read());
}

TEST_F(MessageExplanationTest, OfWhatWaitsWithoutACopyItIsSaidThatItIsFoundLater) {
  send("later", [](v1::Send& send) {
    send.set_deliver_in_ms(10'000);
    send.set_no_copy(true);
  });
  const v1::Error refused = ask(*alice, "later").error();
  EXPECT_EQ(refused.code(), v1::CODE_NOT_FOUND);
  EXPECT_THAT(refused.message(), ::testing::HasSubstr("without a copy is found once it is there"));
  world.clock.pass(11s);
  world.settle();
  EXPECT_EQ(explain("later").fate(), v1::MESSAGE_FATE_IN_INBOX);
}

TEST_F(MessageExplanationTest, FindsAMissedOfferByTheOffersId) {
  v1::Stanza proposal;
  v1::ProposeOffer& propose = *proposal.mutable_propose_offer();
  propose.set_to("bob");
  propose.set_offer_id("call");
  propose.set_expires_in_ms(1000);
  EXPECT_TRUE(alice->ask(proposal).has_offer_changed());
  v1::Stanza cancel;
  v1::ActOnOffer& act = *cancel.mutable_act_on_offer();
  act.set_from("alice");
  act.set_offer_id("call");
  act.set_action(v1::OFFER_ACTION_CANCEL);
  EXPECT_TRUE(alice->ask(cancel).has_offer_changed());
  v1::Stanza stanza;
  stanza.mutable_explain_message()->set_message_id("call");
  stanza.mutable_explain_message()->set_to("bob");
  stanza.mutable_explain_message()->set_category("notification");
  const v1::MessageExplanation told = alice->ask(stanza).message_explanation();
  EXPECT_EQ(told.kind(), v1::INBOX_MESSAGE_KIND_MISSED_OFFER);
  EXPECT_EQ(told.message_id(), "call");
  EXPECT_EQ(told.from(), "alice");
  EXPECT_EQ(told.increment(), 1U);
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
