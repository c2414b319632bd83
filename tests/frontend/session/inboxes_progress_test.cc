// What devices have of an inbox, what they and the authors are told of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontend/session/inboxes_fixture.h"

namespace bimip::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(InboxesTest, WhatIsForOneDeviceIsDeliveredWhenThatOneHasIt) {
  (void)send("a", [](v1::Send& send) { send.set_to_device("other"); });
  (void)send("b");
  acknowledge(*bob, open(*bob), 2);
  EXPECT_THAT(delivered(), ElementsAre("b"));
  const auto other = Client::welcomed(world, {}, "bob", "other");
  acknowledge(*other, open(*other), 2);
  EXPECT_THAT(delivered(), ElementsAre("b", "a"));
}

TEST_F(InboxesTest, WhatNoDeviceWasGivenIsNotDelivered) {
  (void)send("a");
  (void)send("for it", [](v1::Send& send) { send.set_to_device("late"); });
  (void)send("c");
  const auto late = Client::welcomed(world, {}, "bob", "late");
  Opened inbox = open(*late, "chat", kLatest);
  acknowledge(*late, inbox, 3);
  EXPECT_THAT(delivered(), IsEmpty()) << "it was given nothing";
  (void)send("d");
  take(late->said(), inbox);
  EXPECT_THAT(inbox.bodies, ElementsAre("d"));
  acknowledge(*late, inbox, 4);
  EXPECT_THAT(delivered(), ElementsAre("d"));
  EXPECT_EQ(open(*late).opened.cursor(), 4U) << "it goes on behind what it left out";
  // Another has what it left out; and then it asks for that itself.
  acknowledge(*bob, open(*bob), 4);
  EXPECT_THAT(delivered(), ElementsAre("d", "a", "c"));
  acknowledge(*late, open(*late, "chat", [](v1::OpenInbox& open) { open.set_increment(2); }), 2);
  EXPECT_THAT(delivered(), ElementsAre("d", "a", "c", "for it"));
  EXPECT_EQ(open(*late).opened.cursor(), 4U);
}

TEST_F(InboxesTest, WhatNobodyWasGivenIsStillNotDeliveredLater) {
  (void)send("a");
  auto late = Client::welcomed(world, {}, "bob", "late");
  acknowledge(*late, open(*late, "chat", kLatest), 1);
  late.reset();
  world.settle();
  late = Client::welcomed(world, {}, "bob", "late");
  EXPECT_EQ(open(*late).opened.cursor(), 1U);
  EXPECT_THAT(delivered(), IsEmpty());
  acknowledge(*bob, open(*bob), 1);
  EXPECT_THAT(delivered(), ElementsAre("a"));
}

TEST_F(InboxesTest, WhoIsGivenNothingOfWhatCameHearsThatItIsForOthers) {
  const auto phone = Client::welcomed(world, {}, "bob", "phone");
  Opened inbox = open(*phone);
  (void)send("a");
  (void)send("b", [](v1::Send& send) { send.set_to_device("ghost"); });
  take(phone->said(), inbox);
  EXPECT_THAT(inbox.bodies, ElementsAre("a"));
  EXPECT_EQ(inbox.up_to, 2U);
  EXPECT_EQ(inbox.last, 2U);
  (void)send("c", [](v1::Send& send) { send.set_to_device("ghost"); });
  take(phone->said(), inbox);
  EXPECT_THAT(inbox.bodies, ElementsAre("a"));
  EXPECT_EQ(inbox.up_to, 3U);
  EXPECT_THAT(inbox.states, IsEmpty()) << "the delivery says it";
  acknowledge(*phone, inbox, 3);
  EXPECT_EQ(open(*phone).opened.cursor(), 3U);
}

TEST_F(InboxesTest, WhoHasNoCreditHearsHowMuchThereIs) {
  const auto phone = Client::welcomed(world, {}, "bob", "phone");
  Opened inbox = open(*phone, "chat", [](v1::OpenInbox& open) { open.set_credit(1); });
  (void)send("a");
  take(phone->said(), inbox);
  EXPECT_EQ(inbox.last, 1U);
  for (const char* body : {"b", "c", "d"}) (void)send(body);
  take(phone->said(), inbox);
  EXPECT_THAT(inbox.bodies, ElementsAre("a"));
  ASSERT_FALSE(inbox.states.empty());
  EXPECT_EQ(inbox.states.back().last_increment(), 4U);
  EXPECT_EQ(inbox.states.back().unread(), 4U);
  inbox.states.clear();
  EXPECT_EQ(mark_read(2).unread(), 2U);
  take(phone->said(), inbox);
  ASSERT_EQ(inbox.states.size(), 1U);
  EXPECT_EQ(inbox.states.back().last_increment(), 4U);
  EXPECT_EQ(inbox.states.back().unread(), 2U) << "as the other device was told";
}

TEST_F(InboxesTest, WhoMarksReadIsToldByTheAnswerAndOthersByAPush) {
  (void)send("a");
  (void)open(*bob);
  const auto tablet = Client::welcomed(world, {}, "bob");
  (void)open(*tablet);
  v1::Stanza stanza;
  stanza.set_id(90);
  stanza.mutable_mark_read()->set_category("chat");
  stanza.mutable_mark_read()->set_up_to(1);
  bob->say(stanza);
  const auto states_of = [](Client& client) {
    std::vector<std::uint64_t> ids;
    for (const v1::Stanza& said : client.said()) {
      if (said.has_inbox_state()) ids.push_back(said.id());
    }
    return ids;
  };
  EXPECT_THAT(states_of(*bob), ElementsAre(90U));
  EXPECT_THAT(states_of(*tablet), ElementsAre(0U));
}

TEST_F(InboxesTest, AnAcknowledgementIsAnsweredOnceTheLogHasTheCursor) {
  (void)send("a");
  const Opened inbox = open(*bob);
  world.scripted().holds = true;
  acknowledge_with_id(*bob, inbox, 90);
  EXPECT_THAT(answers(*bob), IsEmpty());
  acknowledge_with_id(*bob, inbox, 91);
  EXPECT_THAT(answers(*bob), IsEmpty()) << "the cursor is there, but not in the log";
  world.scripted().holds = false;
  world.scripted().let_go();
  EXPECT_THAT(answers(*bob), ElementsAre(std::pair(90, "1"), std::pair(91, "1")));
  acknowledge_with_id(*bob, inbox, 92);
  EXPECT_THAT(answers(*bob), ElementsAre(std::pair(92, "1"))) << "it is in the log already";
}

TEST_F(InboxesTest, AnAcknowledgementThatTheLogRefusesIsRefusedAndMayBeTriedAgain) {
  (void)send("a");
  const Opened inbox = open(*bob);
  world.scripted().refuse = [](const engine::RecordFields&) {
    return engine::Error{ErrorCode::kNoSpace, "full"};
  };
  acknowledge_with_id(*bob, inbox, 90);
  EXPECT_THAT(answers(*bob), ElementsAre(std::pair(90, v1::Code_Name(v1::CODE_NO_SPACE))));
  world.scripted().refuse = nullptr;
  acknowledge_with_id(*bob, inbox, 91);
  EXPECT_THAT(answers(*bob), ElementsAre(std::pair(91, "1")));
}

TEST_F(InboxesTest, AnAcknowledgementOfWhatIsForOneDeviceIsAnsweredOnceItsAuthorWasTold) {
  (void)send("a", [](v1::Send& send) { send.set_to_device("phone"); });
  const auto phone = Client::welcomed(world, {}, "bob", "phone");
  const Opened inbox = open(*phone);
  world.scripted().refuse = [](const engine::RecordFields& record) -> std::optional<engine::Error> {
    if (engine::as_text(record.key) != "alice") return std::nullopt;
    return engine::Error{ErrorCode::kNoSpace, "full"};
  };
  acknowledge_with_id(*phone, inbox, 90);
  EXPECT_THAT(answers(*phone), IsEmpty());
  world.scripted().refuse = nullptr;
  world.clock.pass(2s);
  world.inboxes().receipts().on_tick(world.clock.monotonic());
  EXPECT_THAT(answers(*phone), ElementsAre(std::pair(90, "1")));
  EXPECT_THAT(open(*alice, "receipt").bodies.size(), 1U);
}

TEST_F(InboxesTest, NoMoreAcknowledgementsWaitForAnswersThanTheLimit) {
  (void)send("a");
  const Opened inbox = open(*bob);
  world.scripted().holds = true;
  for (std::uint64_t i = 0; i <= limits::kInboxAcknowledgementsMax; ++i)
    acknowledge_with_id(*bob, inbox, 100 + i);
  const std::uint64_t last = 100 + limits::kInboxAcknowledgementsMax;
  EXPECT_THAT(answers(*bob),
              ElementsAre(std::pair(last, v1::Code_Name(v1::CODE_RESOURCE_EXHAUSTED))));
  world.scripted().holds = false;
  world.scripted().let_go();
  EXPECT_EQ(answers(*bob).size(), limits::kInboxAcknowledgementsMax);
}

TEST_F(InboxesTest, AnAuthorIsToldOfWhatTheCursorHasPassedAlready) {
  (void)send("a");
  set_mark(MarkKind::kCursor, 1);
  (void)open(*bob);
  EXPECT_THAT(open(*alice, "receipt").bodies.size(), 1U);
}

}  // namespace
}  // namespace bimip::testing
