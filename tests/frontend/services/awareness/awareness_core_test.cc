#include "frontend/services/awareness/awareness_core.h"

#include <gtest/gtest.h>

#include "frontend/stanza/limits.h"
#include "tests/frontend/services/awareness/core_world.h"

namespace bimip::testing {
namespace {

class AwarenessCoreTest : public ::testing::Test {
 protected:
  CoreWorld world;

  void SetUp() override { world.befriend("bob", "ann"); }
  UserState ann_for(SeatNumber seat) { return world.view_of(seat).seen["ann"].state; }
};

TEST_F(AwarenessCoreTest, ASnapshotComesFirstAndThenEveryChange) {
  const SeatOf phone = world.sit("ann", "phone", UserState::kOnline, "hi");
  const SeatNumber bob = world.watch("bob", true);
  EXPECT_TRUE(world.view_of(bob).is_complete);
  EXPECT_EQ(ann_for(bob), UserState::kOnline);
  EXPECT_EQ(world.view_of(bob).seen["ann"].text, "hi");
  world.pass(5s);
  EXPECT_TRUE(world.core().announce(phone, {.state = UserState::kBusy}, world.now()));
  EXPECT_EQ(ann_for(bob), UserState::kBusy);
  EXPECT_EQ(world.view_of(bob).seen["ann"].text, "hi");
}

// A device that is away or busy is there all the same (the states were once confused).
TEST_F(AwarenessCoreTest, D26EveryStateReachesViewersAndStays) {
  const SeatNumber bob = world.watch("bob", true);
  const SeatOf phone = world.sit("ann", "phone", UserState::kOnline);
  for (const UserState state : {UserState::kAway, UserState::kBusy, UserState::kDoNotDisturb}) {
    world.pass(2s);
    EXPECT_TRUE(world.core().announce(phone, {.state = state}, world.now()));
    EXPECT_EQ(ann_for(bob), state);
    // Being heard does not turn it into online.
    world.pass(10min);
    EXPECT_EQ(ann_for(bob), state);
  }
}

TEST_F(AwarenessCoreTest, DevicesAreMergedByTheirPrecedence) {
  const SeatNumber bob = world.watch("bob", true);
  const SeatNumber own = world.watch("ann", false, {"ann"});
  world.hear();
  world.pass(2s);
  const SeatOf phone = world.sit("ann", "phone", UserState::kAway);
  EXPECT_EQ(ann_for(bob), UserState::kAway);
  const SeatOf desk = world.sit("ann", "desk", UserState::kOnline);
  world.pass(2s);
  EXPECT_EQ(ann_for(bob), UserState::kOnline);
  const SeatOf pad = world.sit("ann", "pad", UserState::kDoNotDisturb);
  world.pass(2s);
  EXPECT_EQ(ann_for(bob), UserState::kDoNotDisturb);
  world.pass(2s);
  EXPECT_TRUE(world.core().announce(phone, {.state = UserState::kInvisible}, world.now()));
  world.pass(2s);
  EXPECT_EQ(ann_for(bob), UserState::kOffline);
  EXPECT_EQ(ann_for(own), UserState::kInvisible);
  world.pass(2s);
  EXPECT_TRUE(world.core().announce(phone, {.state = UserState::kOffline}, world.now()));
  world.pass(2s);
  EXPECT_EQ(ann_for(bob), UserState::kDoNotDisturb);
  EXPECT_TRUE(world.core().announce(pad, {.state = UserState::kOffline}, world.now()));
  world.pass(2s);
  EXPECT_EQ(ann_for(bob), UserState::kOnline);
  EXPECT_TRUE(world.core().announce(desk, {.state = UserState::kOffline}, world.now()));
  world.pass(2s);
  EXPECT_EQ(ann_for(bob), UserState::kOffline);
}

TEST_F(AwarenessCoreTest, D27ALostConnectionHasAGraceAndAGoodbyeHasNone) {
  const SeatNumber bob = world.watch("bob", true);
  SeatOf phone = world.sit("ann", "phone", UserState::kOnline);
  world.pass(5s);
  world.lose(phone);
  const engine::Timestamp lost_at = world.wall;
  world.pass(9s);
  EXPECT_EQ(ann_for(bob), UserState::kOnline);
  phone = world.sit("ann", "phone", UserState::kUnspecified);
  world.pass(20s);
  EXPECT_EQ(world.view_of(bob).changes, 2);  // offline at first, then online: nothing flapped
  world.lose(phone);
  world.pass(11s);
  EXPECT_EQ(ann_for(bob), UserState::kOffline);
  EXPECT_EQ(world.view_of(bob).seen["ann"].last_seen, lost_at + 29s);
  phone = world.sit("ann", "phone", UserState::kOnline);
  world.pass(5s);
  world.hear();
  world.pass(5s);
  EXPECT_TRUE(world.core().announce(phone, {.state = UserState::kOffline}, world.now()));
  EXPECT_EQ(ann_for(bob), UserState::kOffline);
}

TEST_F(AwarenessCoreTest, WhoIsNotHeardForALeaseIsGoneAndWhoIsHeardStays) {
  const SeatNumber bob = world.watch("bob", true);
  const SeatOf phone = world.sit("ann", "phone", UserState::kOnline);
  for (int i = 0; i < 100; ++i) world.pass(30s);
  EXPECT_EQ(ann_for(bob), UserState::kOnline);
  world.fall_silent(phone);
  world.pass(59s);
  EXPECT_EQ(ann_for(bob), UserState::kOnline);
  world.pass(2s);
  EXPECT_EQ(ann_for(bob), UserState::kOffline);
}

// The end of an old connection, noticed late, is not the end of the new one.
TEST_F(AwarenessCoreTest, D25AnOldSeatOfADeviceSaysNothingAnyMore) {
  const SeatNumber bob = world.watch("bob", true);
  const SeatOf old = world.sit("ann", "phone", UserState::kOnline);
  const SeatOf young = world.sit("ann", "phone", UserState::kOnline);
  world.pass(2s);
  world.lose(old);
  EXPECT_FALSE(world.core().announce(old, {.state = UserState::kBusy}, world.now()));
  world.pass(20s);
  EXPECT_EQ(ann_for(bob), UserState::kOnline);
  world.core().leave(young, Leaving::kLost, world.now());
  world.pass(20s);
  EXPECT_EQ(ann_for(bob), UserState::kOffline);
}

// Two entities may have devices of one name.
TEST_F(AwarenessCoreTest, D4DevicesAreTheirEntitysOwn) {
  world.befriend("bob", "cyd");
  const SeatNumber bob = world.watch("bob", true);
  const SeatOf hers = world.sit("ann", "phone", UserState::kBusy);
  world.sit("cyd", "phone", UserState::kOnline);
  world.core().leave(hers, Leaving::kSaid, world.now());
  world.pass(5s);
  EXPECT_EQ(ann_for(bob), UserState::kOffline);
  EXPECT_EQ(world.view_of(bob).seen["cyd"].state, UserState::kOnline);
}

TEST_F(AwarenessCoreTest, D30ChangesAreCoalescedAndTheNewestWins) {
  const SeatNumber bob = world.watch("bob", true);
  const SeatOf phone = world.sit("ann", "phone", UserState::kOnline);
  world.hear();
  world.pass(5s);
  const int before = world.views[bob.value()].changes;
  (void)world.core().take_transitions();
  for (int i = 0; i < 400; ++i) {
    const UserState state = i % 2 == 0 ? UserState::kAway : UserState::kBusy;
    EXPECT_TRUE(world.core().announce(phone, {.state = state}, world.now()));
    world.hear();
    world.pass(10ms);
  }
  world.pass(3s);
  EXPECT_EQ(ann_for(bob), UserState::kBusy);
  EXPECT_LE(world.views[bob.value()].changes - before, 6);  // 4 seconds
  EXPECT_LE(world.core().take_transitions().size(), 6U);
}

// Being heard is no event: it is neither recorded nor told.
TEST_F(AwarenessCoreTest, D29BeingThereIsNeitherRecordedNorTold) {
  const SeatNumber bob = world.watch("bob", true);
  const SeatOf phone = world.sit("ann", "phone", UserState::kOnline);
  world.pass(5s);
  const int before = world.view_of(bob).stanzas;
  (void)world.core().take_transitions();
  for (const EntityNumber entity : world.core().take_stale()) (void)world.core().kept(entity);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(world.core().announce(phone, {.state = UserState::kOnline}, world.now()));
    world.pass(10s);
  }
  EXPECT_EQ(world.view_of(bob).stanzas, before);
  EXPECT_TRUE(world.core().take_transitions().empty());
}

TEST_F(AwarenessCoreTest, D30AConsentAfterTheWatchBeganIsInForceAtOnce) {
  const SeatNumber cyd = world.watch("cyd", true);
  world.sit("ann", "phone", UserState::kOnline);
  world.pass(2s);
  EXPECT_FALSE(world.view_of(cyd).seen.contains("ann"));
  world.befriend("cyd", "ann");
  world.pass(2s);
  EXPECT_EQ(ann_for(cyd), UserState::kOnline);
  EXPECT_EQ(world.view_of(cyd).relations["ann"].taken, Consent::kGranted);
  EXPECT_TRUE(world.act(ConsentAct::kCancel, "ann", "cyd"));
  world.pass(2s);
  EXPECT_EQ(ann_for(cyd), UserState::kOffline);
  EXPECT_EQ(world.view_of(cyd).relations["ann"].taken, Consent::kNone);
}

TEST_F(AwarenessCoreTest, ABlockLooksLikeOfflineAndIsNotTold) {
  const SeatOf phone = world.sit("ann", "phone", UserState::kOnline);
  const SeatNumber bob = world.watch("bob", true);
  world.hear();
  world.pass(2s);
  world.views[bob.value()].relations.clear();
  EXPECT_TRUE(world.act(ConsentAct::kBlock, "ann", "bob"));
  world.pass(2s);
  EXPECT_EQ(world.view_of(bob).seen["ann"], (Seen{.eid = "ann", .last_seen = world.wall - 2s}));
  EXPECT_TRUE(world.view_of(bob).relations.empty());
  EXPECT_EQ(world.core().relation_seen("bob", "ann").taken, Consent::kGranted);
  // Not even that something happens.
  const int before = world.view_of(bob).stanzas;
  for (const UserState state : {UserState::kAway, UserState::kBusy, UserState::kOffline}) {
    EXPECT_TRUE(world.core().announce(phone, {.state = state}, world.now()));
    world.pass(2s);
  }
  EXPECT_EQ(world.view_of(bob).stanzas, before);
  world.sit("ann", "phone", UserState::kOnline);
  EXPECT_TRUE(world.act(ConsentAct::kLift, "ann", "bob"));
  world.pass(2s);
  EXPECT_EQ(ann_for(bob), UserState::kOnline);
}

TEST_F(AwarenessCoreTest, ARequestOfABlockedOneIsNotHeard) {
  EXPECT_TRUE(world.act(ConsentAct::kBlock, "ann", "eve"));
  const SeatNumber ann = world.watch("ann", true);
  EXPECT_TRUE(world.act(ConsentAct::kSubscribe, "eve", "ann"));
  EXPECT_TRUE(world.act(ConsentAct::kSubscribe, "cyd", "ann"));
  world.pass(2s);
  EXPECT_EQ(world.core().relation_seen("eve", "ann").taken, Consent::kRequested);
  EXPECT_FALSE(world.view_of(ann).relations.contains("eve"));
  EXPECT_EQ(world.view_of(ann).relations["cyd"].given, Consent::kRequested);
}

TEST_F(AwarenessCoreTest, WhatWasAskedWhileOneWasAwayIsInTheSnapshot) {
  EXPECT_TRUE(world.act(ConsentAct::kSubscribeMutual, "cyd", "ann"));
  const SeatNumber ann = world.watch("ann", true);
  EXPECT_EQ(world.view_of(ann).relations["cyd"].given, Consent::kRequested);
  EXPECT_TRUE(world.view_of(ann).relations["cyd"].is_mutual);
}

TEST_F(AwarenessCoreTest, D31ALocationHasAnAudienceOfItsOwnAndEnds) {
  const SeatNumber bob = world.watch("bob", true);
  const SeatOf phone = world.sit("ann", "phone", UserState::kOnline);
  const Position here{.latitude = 48.2, .longitude = 16.4, .accuracy_m = 5};
  EXPECT_TRUE(world.core().set_position(phone, here, 10min, world.now()));
  world.pass(2s);
  EXPECT_EQ(world.view_of(bob).seen["ann"].position, std::nullopt);
  const int before = world.view_of(bob).changes;
  EXPECT_TRUE(world.core().set_position(phone, Position{.latitude = 1}, 10min, world.now()));
  EXPECT_TRUE(world.core().set_position(phone, here, 10min, world.now()));
  world.pass(2s);
  EXPECT_EQ(world.view_of(bob).changes, before);  // not even that there is something
  world.core().apply_privacy("ann", {.location = Audience::kContacts}, world.now());
  world.pass(2s);
  EXPECT_EQ(world.view_of(bob).seen["ann"].position, here);
  EXPECT_TRUE(world.core().set_position(phone, std::nullopt, 10min, world.now()));
  world.pass(2s);
  EXPECT_EQ(world.view_of(bob).seen["ann"].position, std::nullopt);
  EXPECT_TRUE(world.core().set_position(phone, here, 10min, world.now()));
  world.pass(9min);
  EXPECT_EQ(world.view_of(bob).seen["ann"].position, here);
  world.pass(2min);
  EXPECT_EQ(world.view_of(bob).seen["ann"].position, std::nullopt);
}

TEST_F(AwarenessCoreTest, D31AnActivityIsForWhomItIsForAndEndsByItself) {
  world.befriend("cyd", "ann");
  const SeatNumber bob = world.watch("bob", true);
  const SeatNumber cyd = world.watch("cyd", true);
  const SeatOf phone = world.sit("ann", "phone", UserState::kOnline);
  world.pass(2s);
  const Activity typing{.name = "typing", .to = "bob"};
  (void)world.core().take_transitions();
  EXPECT_TRUE(world.core().set_activity(phone, typing, 6s, world.now()));
  world.pass(2s);
  EXPECT_EQ(world.view_of(bob).seen["ann"].activities, std::vector{typing});
  EXPECT_TRUE(world.view_of(cyd).seen["ann"].activities.empty());
  const int before = world.view_of(bob).changes;
  for (int i = 0; i < 5; ++i) {  // said again it lasts, and nobody is told again
    EXPECT_TRUE(world.core().set_activity(phone, typing, 6s, world.now()));
    world.pass(3s);
  }
  EXPECT_EQ(world.view_of(bob).changes, before);
  world.pass(4s);
  EXPECT_TRUE(world.view_of(bob).seen["ann"].activities.empty());
  EXPECT_TRUE(world.core().take_transitions().empty());
}

TEST_F(AwarenessCoreTest, WhoWasThereBeforeACrashHasAWhileToComeBack) {
  KeptState kept{
      .published = {.state = UserState::kBusy, .since = world.wall - 1h},
      .devices = {{.name = "phone", .state = UserState::kBusy, .since = world.wall - 1h},
                  {.name = "desk", .state = UserState::kAway, .since = world.wall - 1h}}};
  const engine::Timestamp ended_at = world.wall - 10min;
  EXPECT_TRUE(world.core().load_state("ann", kept, ended_at, world.now()));
  const SeatNumber bob = world.watch("bob", true);
  EXPECT_EQ(ann_for(bob), UserState::kBusy);
  world.pass(20s);
  const SeatOf phone = world.sit("ann", "phone", UserState::kUnspecified);
  world.pass(60s);
  EXPECT_EQ(ann_for(bob), UserState::kBusy);
  EXPECT_EQ(world.view_of(bob).changes, 1);
  EXPECT_TRUE(world.core().take_transitions().empty());
  EXPECT_EQ(world.core().kept(*world.core().take_stale().begin()).devices.size(), 1U);
  world.core().leave(phone, Leaving::kLost, world.now());
  world.pass(20s);
  EXPECT_EQ(ann_for(bob), UserState::kOffline);
}

TEST_F(AwarenessCoreTest, WhoDoesNotComeBackWasGoneWhenTheServerEnded) {
  KeptState kept{.published = {.state = UserState::kOnline, .since = world.wall - 1h},
                 .devices = {{.name = "phone", .state = UserState::kOnline}}};
  const engine::Timestamp ended_at = world.wall - 10min;
  EXPECT_TRUE(world.core().load_state("ann", kept, ended_at, world.now()));
  world.pass(29s);
  EXPECT_TRUE(world.core().take_transitions().empty());
  world.pass(2s);
  const std::vector<Transition> transitions = world.core().take_transitions();
  ASSERT_EQ(transitions.size(), 1U);
  EXPECT_EQ(transitions[0].state, UserState::kOffline);
  EXPECT_EQ(transitions[0].at, ended_at);
  EXPECT_EQ(world.core().see("ann", "ann").last_seen, ended_at);
  // It was before she let him see her.
  EXPECT_EQ(world.core().see("bob", "ann").last_seen, engine::Timestamp{});
}

TEST_F(AwarenessCoreTest, WhatWasNotYetPublishedAtACrashIsAfterIt) {
  KeptState kept{.published = {.state = UserState::kOnline, .since = world.wall - 1h},
                 .devices = {{.name = "phone", .state = UserState::kAway, .since = world.wall}}};
  EXPECT_TRUE(world.core().load_state("ann", kept, world.wall, world.now()));
  const SeatNumber bob = world.watch("bob", true);
  world.hear();
  world.pass(2s);
  EXPECT_EQ(ann_for(bob), UserState::kAway);
  EXPECT_EQ(world.core().take_transitions().size(), 1U);
}

TEST_F(AwarenessCoreTest, NobodyGoesOfflineWhileTheServerStops) {
  const SeatNumber bob = world.watch("bob", true);
  const SeatOf phone = world.sit("ann", "phone", UserState::kOnline);
  world.pass(2s);
  world.core().stop_lapsing();
  world.lose(phone);
  world.pass(1h);
  EXPECT_EQ(ann_for(bob), UserState::kOnline);
  const auto stale = world.core().take_stale();
  ASSERT_FALSE(stale.empty());
  EXPECT_EQ(world.core().kept(stale.back()).devices.size(), 1U);
}

TEST_F(AwarenessCoreTest, AViewerThatTakesNothingIsToldOfTheNewestOnlyThen) {
  const SeatNumber bob = world.watch("bob", true);
  world.hear();
  SeatOf phone = world.sit("ann", "phone", UserState::kOnline);
  for (int i = 0; i < 50; ++i) {
    world.pass(2s);
    EXPECT_TRUE(world.core().announce(
        phone, {.state = i % 2 == 0 ? UserState::kAway : UserState::kBusy}, world.now()));
  }
  const std::vector<Told> told = world.core().take_told();
  ASSERT_EQ(told.size(), 1U);  // the first; it never arrived
  world.core().ready(bob, world.now());
  const std::vector<Told> then = world.core().take_told();
  ASSERT_EQ(then.size(), 1U);
  ASSERT_EQ(then[0].seen.size(), 1U);
  EXPECT_EQ(then[0].seen[0].state, UserState::kBusy);
}

TEST_F(AwarenessCoreTest, WhatIsOnTheScreenIsWatchedWithoutConsentAndGoneWithTheSession) {
  world.core().apply_privacy("dan", {.presence = Audience::kEveryone}, world.now());
  world.sit("dan", "phone", UserState::kOnline);
  const SeatNumber eve = world.watch("eve", false, {"dan", "ann", "nobody at all"});
  EXPECT_EQ(world.view_of(eve).seen["dan"].state, UserState::kOnline);
  EXPECT_EQ(ann_for(eve), UserState::kOffline);
  EXPECT_EQ(world.view_of(eve).seen["nobody at all"], (Seen{.eid = "nobody at all"}));
  EXPECT_EQ(world.core().numbers().watched, 3U);
  EXPECT_TRUE(world.core().watch(eve, "eve", false, {"ann"}, world.now()));
  EXPECT_EQ(world.core().numbers().watched, 1U);
  world.core().unwatch(eve);
  EXPECT_EQ(world.core().numbers().watched, 0U);
  EXPECT_EQ(world.core().numbers().entities, 3U);  // ann, bob, dan: strangers take no room
}

TEST_F(AwarenessCoreTest, EverythingHasABound) {
  for (std::size_t i = 0; i < limits::kAwarenessDevicesMax; ++i)
    world.sit("ann", std::to_string(i), UserState::kOnline);
  EXPECT_FALSE(world.core().announce({.eid = "ann", .device = "more", .seat = world.new_seat()},
                                     {.state = UserState::kOnline}, world.now()));
  const SeatOf phone = world.sit("cyd", "phone", UserState::kOnline);
  for (std::size_t i = 0; i < limits::kActivitiesMax; ++i) {
    EXPECT_TRUE(world.core().set_activity(phone, {.name = "typing", .to = std::to_string(i)}, 6s,
                                          world.now()));
  }
  EXPECT_FALSE(world.core().set_activity(phone, {.name = "typing", .to = "more"}, 6s, world.now()));
  std::vector<std::string> many;
  for (std::size_t i = 0; i <= kRules.entities_max; ++i) many.push_back("x" + std::to_string(i));
  const std::uint64_t before = world.core().numbers().entities;
  EXPECT_FALSE(world.core().watch(world.new_seat(), "bob", false, many, world.now()));
  EXPECT_TRUE(world.core().announce({.eid = "eve", .device = "phone", .seat = world.new_seat()},
                                    {.state = UserState::kOffline}, world.now()));
  EXPECT_EQ(world.core().numbers().entities, before);
  for (std::size_t i = 0; world.core().may_relate("ann", std::to_string(i)); ++i) {
    ASSERT_LT(i, kRules.relations_max);
    world.core().apply_relation("ann", std::to_string(i), {.consent = Consent::kGranted},
                                world.now());
  }
}

}  // namespace
}  // namespace bimip::testing
