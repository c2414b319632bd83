// An entity's inbox as its sessions see it: times, expiry, marks that a restore left ahead.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontend/session/inboxes_fixture.h"

namespace bimip::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(InboxesTest, WhatWasSentLongAgoIsFoundAgain) {
  const auto later = [](v1::Send& send) { send.set_deliver_in_ms(3'600'000); };
  const auto again = [](v1::Send& send) { send.set_again(true); };
  const std::uint64_t now = send("now").sent().offset();
  const std::uint64_t held = send("held", later).sent().offset();
  world.clock.pass(20min);
  EXPECT_EQ(send("now", again).sent().offset(), now);
  EXPECT_EQ(send("held", again).sent().offset(), held);
  world.clock.pass(2h);
  EXPECT_EQ(send("held", again).sent().offset(), held) << "by then it is in the inbox";
  const Opened inbox = open(*bob);
  EXPECT_THAT(inbox.bodies, ElementsAre("now", "held"));
  EXPECT_NE(send("never sent", again).sent().offset(), now);
  EXPECT_NE(send("now").sent().offset(), now) << "without a word nobody looks so far back";
}

TEST_F(InboxesTest, OfAMessageWithoutItsCopyTheCopyIsMade) {
  const std::uint64_t first =
      send("m", [](v1::Send& send) { send.set_no_copy(true); }).sent().offset();
  EXPECT_EQ(send("m", [](v1::Send& send) { send.set_again(true); }).sent().offset(), first);
  v1::Stanza stanza;
  stanza.mutable_open_inbox()->set_category("sent");
  alice->say(stanza);
  std::vector<std::uint64_t> places;
  for (const v1::Stanza& said : alice->said()) {
    for (const v1::InboxItem& item : said.inbox_delivery().items())
      places.push_back(item.message().message_offset());
  }
  EXPECT_THAT(places, ElementsAre(first));
}

TEST_F(InboxesTest, AMessageWithATimeComesThenAndIsCountedThen) {
  Opened inbox = open(*bob);
  EXPECT_TRUE(send("later", kComesLater).has_sent());
  EXPECT_TRUE(send("now").has_sent());
  take(bob->said(), inbox);
  EXPECT_THAT(inbox.bodies, ElementsAre("now"));
  EXPECT_EQ(open(*bob).opened.state().last_increment(), 1U);
  world.clock.pass(11s);
  take(bob->said(), inbox);
  EXPECT_THAT(inbox.bodies, ::testing::Contains("later")) << "who has it open is told";
  EXPECT_EQ(open(*bob).opened.state().unread(), 2U);
}

TEST_F(InboxesTest, TheCopyIsThereAtOnceAndSaysForWhen) {
  const std::int64_t when = micros(world.clock.now() + 10s);
  (void)send("later", [&](v1::Send& send) { send.set_deliver_at_us(when); });
  v1::Stanza stanza;
  stanza.mutable_open_inbox()->set_category("sent");
  alice->say(stanza);
  bool found = false;
  for (const v1::Stanza& said : alice->said()) {
    for (const v1::InboxItem& item : said.inbox_delivery().items()) {
      found = true;
      EXPECT_EQ(item.message().deliver_at_us(), when);
    }
  }
  EXPECT_TRUE(found);
}

TEST_F(InboxesTest, WhatExpiresIsAGapThatCursorsPass) {
  (void)send("a", kExpiresSoon);
  (void)send("b");
  (void)send("c", kExpiresSoon);
  world.clock.pass(11s);
  const Opened inbox = open(*bob);
  EXPECT_THAT(inbox.bodies, ElementsAre("b"));
  EXPECT_THAT(inbox.gaps, ElementsAre(std::pair(1, 1), std::pair(3, 3)));
  acknowledge(*bob, inbox, 3);
  const Opened again = open(*bob);
  EXPECT_EQ(again.opened.cursor(), 3U);
  EXPECT_THAT(again.bodies, IsEmpty());
  EXPECT_THAT(open(*alice, "sent").bodies, ElementsAre("b")) << "copies expire too";
  EXPECT_THAT(open(*alice, "receipt").bodies.size(), 1U) << "of b alone";
}

TEST_F(InboxesTest, UnreadDoesNotStayWithWhatNobodyCanRead) {
  (void)send("a", kExpiresSoon);
  (void)send("b");
  (void)send("c", kExpiresSoon);
  (void)send("d", kExpiresSoon);
  EXPECT_EQ(open(*bob).opened.state().unread(), 4U);
  world.clock.pass(11s);
  const v1::InboxState looked = open(*bob).opened.state();
  EXPECT_EQ(looked.read_up_to(), 1U) << "what has expired in front of b is passed";
  EXPECT_EQ(looked.unread(), 3U);
  const v1::InboxState read = mark_read(2);
  EXPECT_EQ(read.read_up_to(), 4U);
  EXPECT_EQ(read.unread(), 0U);
}

TEST_F(InboxesTest, ManyThatHaveExpiredArePassedTogether) {
  v1::Stanza stanza;
  stanza.mutable_send()->set_to("bob");
  kExpiresSoon(*stanza.mutable_send());
  for (int i = 0; i < 1200; ++i) {
    stanza.mutable_send()->set_message_id(std::to_string(i));
    alice->say(stanza);
    if (i % 100 == 99) (void)alice->said();
  }
  EXPECT_EQ(open(*bob).opened.state().last_increment(), 1200U);
  world.clock.pass(11s);
  EXPECT_EQ(open(*bob).opened.state().unread(), 0U);
}

TEST_F(InboxesTest, AMarkAheadOfTheInboxIsSetBackToItsEnd) {
  (void)send("a");
  for (const MarkKind kind : {MarkKind::kCursor, MarkKind::kDelivered, MarkKind::kRead})
    set_mark(kind, 100);
  const Opened inbox = open(*bob);
  EXPECT_EQ(inbox.opened.cursor(), 1U);
  EXPECT_EQ(inbox.opened.from_increment(), 2U);
  EXPECT_EQ(inbox.opened.state().unread(), 0U);
  EXPECT_THAT(inbox.bodies, IsEmpty());
  bob = Client::welcomed(world, {}, "bob");  // nobody holds the marks in memory
  (void)send("b");
  Opened again = open(*bob);
  EXPECT_THAT(again.bodies, ElementsAre("b")) << "the log knows of it, too";
  EXPECT_EQ(again.opened.state().unread(), 1U);
  acknowledge(*bob, again, 2);
  EXPECT_EQ(mark_read(2).unread(), 0U);
  EXPECT_EQ(open(*bob).opened.cursor(), 2U);
}

TEST_F(InboxesTest, AMarkOfAnInboxThatIsEmptyNowIsSetBackToNothing) {
  set_mark(MarkKind::kCursor, 7);
  EXPECT_EQ(open(*bob).opened.from_increment(), 1U);
  bob = Client::welcomed(world, {}, "bob");
  (void)send("a");
  EXPECT_THAT(open(*bob).bodies, ElementsAre("a"));
}

TEST_F(InboxesTest, OtherDevicesHearThatWhatHasExpiredIsPassed) {
  (void)send("a", kExpiresSoon);
  (void)open(*bob);
  world.clock.pass(11s);
  const auto other = Client::welcomed(world, {}, "bob", "other");
  EXPECT_EQ(open(*other).opened.state().unread(), 0U);
  bool is_told = false;
  for (const v1::Stanza& said : bob->said())
    is_told = is_told || said.inbox_state().read_up_to() == 1;
  EXPECT_TRUE(is_told);
}

// Nobody holds the marks in memory meanwhile.
// As a crash leaves it that came between the two.

}  // namespace
}  // namespace bimip::testing
