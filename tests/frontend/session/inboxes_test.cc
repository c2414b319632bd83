// An entity's inbox as its sessions see it: times, expiry, marks that a restore left ahead.
#include "frontend/session/inboxes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontend/session/world.h"

namespace bimip::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class InboxesTest : public ::testing::Test {
 protected:
  InboxesTest() {
    alice = Client::welcomed(world, {}, "alice");
    bob = Client::welcomed(world, {}, "bob");
  }
  v1::Stanza send(const std::string& body, const std::function<void(v1::Send&)>& say = {}) {
    v1::Stanza stanza;
    v1::Send& send = *stanza.mutable_send();
    send.set_to("bob");
    send.set_message_id(body);
    send.set_body(body);
    if (say) say(send);
    return alice->ask(stanza);
  }
  struct Opened {
    v1::InboxOpened opened{};
    std::vector<std::string> bodies{};
    std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps{};
  };
  void take(const std::vector<v1::Stanza>& said, Opened& into) {
    for (const v1::Stanza& stanza : said) {
      if (stanza.has_inbox_opened()) into.opened = stanza.inbox_opened();
      EXPECT_FALSE(stanza.has_error()) << stanza.ShortDebugString();
      for (const v1::InboxItem& item : stanza.inbox_delivery().items())
        into.bodies.push_back(item.message().body());
      for (const v1::EntityGap& gap : stanza.inbox_delivery().gaps())
        into.gaps.emplace_back(gap.first_increment(), gap.last_increment());
    }
  }
  Opened open(Client& client, const std::string& category = "chat") {
    v1::Stanza stanza;
    stanza.set_id(80);
    stanza.mutable_open_inbox()->set_category(category);
    client.say(stanza);
    Opened opened;
    take(client.said(), opened);
    return opened;
  }
  v1::InboxState mark_read(std::uint64_t up_to) {
    v1::Stanza stanza;
    stanza.mutable_mark_read()->set_category("chat");
    stanza.mutable_mark_read()->set_up_to(up_to);
    return bob->ask(stanza).inbox_state();
  }
  void acknowledge(Client& client, const Opened& opened, std::uint64_t up_to) {
    v1::Stanza stanza;
    stanza.mutable_acknowledge_inbox()->set_inbox_id(opened.opened.inbox_id());
    stanza.mutable_acknowledge_inbox()->set_up_to(up_to);
    client.say(stanza);
    (void)client.said();
  }
  void acknowledge_with_id(Client& client, const Opened& opened, std::uint64_t id) {
    v1::Stanza stanza;
    stanza.set_id(id);
    stanza.mutable_acknowledge_inbox()->set_inbox_id(opened.opened.inbox_id());
    stanza.mutable_acknowledge_inbox()->set_up_to(opened.opened.state().last_increment());
    client.say(stanza);
  }
  // What was answered to these ids: how far it is acknowledged, or why it is not.
  static std::map<std::uint64_t, std::string> answers(Client& client) {
    std::map<std::uint64_t, std::string> answers;
    for (const v1::Stanza& said : client.said()) {
      if (said.has_inbox_acknowledged())
        answers[said.id()] = std::to_string(said.inbox_acknowledged().up_to());
      if (said.has_error()) answers[said.id()] = v1::Code_Name(said.error().code());
    }
    return answers;
  }
  // As a restore to an earlier moment leaves it.
  void set_mark(MarkKind kind, std::uint64_t value) {
    const std::shared_ptr<Mark> mark = world.inboxes().marks().of(
        {.category = world.inboxes().find("chat")->id, .kind = kind, .eid = "bob"});
    mark->when_known([](const engine::Result<engine::IncrementId>&) {});
    world.settle();
    mark->advance(engine::IncrementId(value), [](const engine::Status&) {});
    world.settle();
  }

  World world;
  std::unique_ptr<Client> alice;
  std::unique_ptr<Client> bob;
};

constexpr auto kExpiresSoon = [](v1::Send& send) { send.set_expires_in_ms(10'000); };
constexpr auto kComesLater = [](v1::Send& send) { send.set_deliver_in_ms(10'000); };

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

TEST_F(InboxesTest, WhatIsForOneDeviceIsDeliveredWhenThatOneHasIt) {
  (void)send("a", [](v1::Send& send) { send.set_to_device("other"); });
  (void)send("b");
  acknowledge(*bob, open(*bob), 2);
  const auto told = [&] {
    std::vector<std::string> ids;
    const auto reader = Client::welcomed(world, {}, "alice", "reader");
    v1::Stanza stanza;
    stanza.mutable_open_inbox()->set_category("receipt");
    stanza.mutable_open_inbox()->set_earliest(true);
    reader->say(stanza);
    for (const v1::Stanza& said : reader->said()) {
      for (const v1::InboxItem& item : said.inbox_delivery().items())
        ids.push_back(item.message().receipt().message_ids(0));
    }
    return ids;
  };
  EXPECT_THAT(told(), ElementsAre("b"));
  const auto other = Client::welcomed(world, {}, "bob", "other");
  acknowledge(*other, open(*other), 2);
  EXPECT_THAT(told(), ElementsAre("b", "a"));
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

// As a crash leaves it that came between the two.
TEST_F(InboxesTest, AnAuthorIsToldOfWhatTheCursorHasPassedAlready) {
  (void)send("a");
  set_mark(MarkKind::kCursor, 1);
  (void)open(*bob);
  EXPECT_THAT(open(*alice, "receipt").bodies.size(), 1U);
}

}  // namespace
}  // namespace bimip::testing
