// What is hidden from a viewer is not told, and nothing else tells of it either: not the time at
// which he is told of others, not what is kept.
#include <gtest/gtest.h>

#include "tests/frontend/services/awareness/core_world.h"

namespace bimip::testing {
namespace {

class AwarenessHiddenTest : public ::testing::Test {
 protected:
  CoreWorld world;

  // Mal may be seen by everybody, and is watched together with bob, who may not.
  void SetUp() override {
    world.core().apply_privacy("mal", {.presence = Audience::kEveryone}, world.now());
    mal_ = world.sit("mal", "phone", UserState::kOnline);
    bob_ = world.sit("bob", "phone", UserState::kInvisible, "here");
    eve_ = world.watch("eve", false, {"bob", "mal"});
    world.hear();
    world.pass(5s);
    world.hear();
  }
  // Whether eve is told of mal at the moment at which he changes.
  bool mal_is_told_at_once() {
    const int before = world.view_of(eve_).stanzas;
    EXPECT_TRUE(world.core().announce(mal_, {.text = "at " + std::to_string(world.passed.count())},
                                      world.now()));
    return world.view_of(eve_).stanzas == before + 1;
  }
  std::size_t kept() {
    const auto stale = world.core().take_stale();
    for (const EntityNumber entity : stale) kept_ = world.core().kept(entity);
    return stale.size();
  }
  SeatOf mal_;
  SeatOf bob_;
  SeatNumber eve_;
  KeptState kept_;
};

TEST_F(AwarenessHiddenTest, WhatEveIsNotToldDoesNotDelayWhatSheIs) {
  const auto hide = [&](int kind) -> bool {
    TapedAwareness& core = world.core();
    const Moment now = world.now();
    switch (kind) {
      case 0:
        return core.announce(bob_, {.text = "unseen"}, now).has_value();
      case 1:
        return core.announce(bob_, {.system = SystemFacts{.battery_percent = 7}}, now).has_value();
      case 2:
        return core.set_activity(bob_, {.name = "typing"}, 5s, now).has_value();
      case 3:
        return core.set_activity(bob_, {.name = "typing", .to = "eve"}, 5s, now).has_value();
      case 4:
        return core.set_position(bob_, Position{.latitude = 1}, 60s, now).has_value();
      case 5:
        return core.announce(bob_, {.state = UserState::kOnline}, now).has_value();
      default:
        return core.announce(bob_, {.state = UserState::kOffline}, now).has_value();
    }
  };
  for (int kind = 0; kind <= 6; ++kind) {
    const int before = world.view_of(eve_).stanzas;
    EXPECT_TRUE(hide(kind));
    world.hear();
    EXPECT_EQ(world.view_of(eve_).stanzas, before);
    world.pass(40ms);
    EXPECT_TRUE(mal_is_told_at_once()) << kind;
    world.pass(10s);
    world.hear();
  }
}

TEST_F(AwarenessHiddenTest, WhatAnEntityDoesUnseenDoesNotDelayItsComingIntoSight) {
  world.befriend("dan", "bob");
  const SeatNumber dan = world.watch("dan", true);
  world.hear();
  world.pass(5s);
  EXPECT_TRUE(world.core().announce(bob_, {.text = "unseen"}, world.now()));
  world.pass(300ms);
  EXPECT_TRUE(world.core().announce(bob_, {.state = UserState::kOnline}, world.now()));
  EXPECT_EQ(world.view_of(dan).seen["bob"].state, UserState::kOnline);
  // Nor does a device that does not decide.
  world.pass(5s);
  world.sit("bob", "watch", UserState::kAway);
  world.pass(300ms);
  EXPECT_TRUE(world.core().announce(bob_, {.state = UserState::kBusy}, world.now()));
  EXPECT_EQ(world.view_of(dan).seen["bob"].state, UserState::kBusy);
  // Nor where it is, for who is not told that.
  world.pass(5s);
  EXPECT_TRUE(world.core().set_position(bob_, Position{.latitude = 1}, 60s, world.now()));
  EXPECT_TRUE(world.core().set_activity(bob_, {.name = "typing", .to = "eve"}, 60s, world.now()));
  world.pass(300ms);
  EXPECT_TRUE(world.core().announce(bob_, {.state = UserState::kOnline}, world.now()));
  EXPECT_EQ(world.view_of(dan).seen["bob"].state, UserState::kOnline);
}

TEST_F(AwarenessHiddenTest, WhatIsSaidAgainIsNotKeptAgain) {
  (void)kept();
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(world.core().announce(mal_, {.state = UserState::kOnline}, world.now()));
    EXPECT_TRUE(world.core().announce(
        mal_, {.system = SystemFacts{.battery_percent = static_cast<std::uint32_t>(i)}},
        world.now()));
    world.pass(2s);
  }
  EXPECT_EQ(kept(), 0U);
  EXPECT_TRUE(world.core().announce(mal_, {.text = "another"}, world.now()));
  EXPECT_EQ(kept(), 1U);
}

TEST_F(AwarenessHiddenTest, WhatChangesOftenIsKeptOnceASecond) {
  world.pass(5s);
  const SeatOf second = world.sit("mal", "watch", UserState::kAway);
  (void)kept();
  std::size_t times = 0;
  for (int i = 0; i < 400; ++i) {
    EXPECT_TRUE(world.core().announce(second, {.text = std::to_string(i)}, world.now()));
    times += kept();
    world.pass(10ms);
    times += kept();
  }
  world.pass(2s);
  EXPECT_LE(times + kept(), 5U);  // 4 seconds
  EXPECT_EQ(kept_.devices.back().text, "399");
}

// Or a crash would show him as he was before.
TEST_F(AwarenessHiddenTest, WhoHidesIsKeptAtOnce) {
  EXPECT_TRUE(world.core().announce(mal_, {.text = "a"}, world.now()));
  (void)kept();
  EXPECT_TRUE(world.core().announce(mal_, {.state = UserState::kInvisible}, world.now()));
  EXPECT_EQ(kept(), 1U);
}

TEST_F(AwarenessHiddenTest, WhatABlockedOneAsksIsNeitherHeardNorAnswered) {
  EXPECT_TRUE(world.act(ConsentAct::kBlock, "bob", "eve"));
  const SeatNumber bob = world.watch("bob", true);
  EXPECT_TRUE(world.act(ConsentAct::kSubscribeMutual, "eve", "bob"));
  world.pass(2s);
  EXPECT_FALSE(world.view_of(bob).relations.contains("eve"));
  const RelationSeen nothing_but_the_block{.eid = "eve", .restriction = Restriction::kBlocked};
  EXPECT_EQ(world.core().relation_seen("bob", "eve"), nothing_but_the_block);
  EXPECT_FALSE(world.act(ConsentAct::kGrant, "bob", "eve"));
  EXPECT_FALSE(world.act(ConsentAct::kDeny, "bob", "eve"));
  EXPECT_EQ(world.core().relation_seen("eve", "bob").taken, Consent::kRequested);
  // Once she is not blocked any more he hears of it.
  EXPECT_TRUE(world.act(ConsentAct::kLift, "bob", "eve"));
  world.pass(2s);
  EXPECT_TRUE(world.view_of(bob).relations["eve"].is_mutual);
  EXPECT_TRUE(world.act(ConsentAct::kGrant, "bob", "eve"));
}

}  // namespace
}  // namespace bimip::testing
