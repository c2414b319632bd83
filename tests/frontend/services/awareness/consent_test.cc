#include "frontend/services/awareness/consent.h"

#include <gtest/gtest.h>

#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

using namespace std::chrono_literals;

constexpr engine::Timestamp kNow(1'700'000'000s);

// Of one that was lost a minute before.
Standing at(engine::Timestamp now) {
  return {.now = now, .gone_at = now - 1min, .last_seen = now - 1min};
}

Pair after(ConsentAct act, Pair pair, engine::Timestamp now = kNow) {
  const auto change = decide(act, pair, at(now));
  EXPECT_TRUE(change);
  if (change && change->given) pair.given = *change->given;
  if (change && change->taken) pair.taken = *change->taken;
  return pair;
}
Pair turned(const Pair& pair) { return {.given = pair.taken, .taken = pair.given}; }

TEST(Consent, OneWayIsAskedAndGrantedOneWay) {
  Pair asker = after(ConsentAct::kSubscribe, {});
  EXPECT_EQ(asker.taken.consent, Consent::kRequested);
  EXPECT_EQ(asker.given.consent, Consent::kNone);
  const Pair owner = after(ConsentAct::kGrant, turned(asker));
  EXPECT_EQ(owner.given.consent, Consent::kGranted);
  EXPECT_EQ(owner.given.granted_at, kNow);
  EXPECT_EQ(owner.taken.consent, Consent::kNone);
}

TEST(Consent, WhoAsksForBothWaysHasConsentedByAsking) {
  const Pair asker = after(ConsentAct::kSubscribeMutual, {});
  EXPECT_EQ(asker.given.consent, Consent::kNone);
  const Pair owner = after(ConsentAct::kGrant, turned(asker));
  EXPECT_EQ(owner.given.consent, Consent::kGranted);
  EXPECT_EQ(owner.taken.consent, Consent::kGranted);
  EXPECT_FALSE(owner.given.is_mutual);
}

TEST(Consent, NobodyIsGrantedWhatHeDidNotAskFor) {
  EXPECT_EQ(decide(ConsentAct::kGrant, {}, at(kNow)).error(), ConsentFault::kNothingAsked);
  EXPECT_EQ(decide(ConsentAct::kDeny, {}, at(kNow)).error(), ConsentFault::kNothingAsked);
  EXPECT_EQ(decide(ConsentAct::kCancel, {}, at(kNow)).error(), ConsentFault::kNothingGiven);
  EXPECT_EQ(decide(ConsentAct::kUnsubscribe, {}, at(kNow)).error(), ConsentFault::kNotSubscribed);
}

TEST(Consent, WhoWasDeniedMayAskAgain) {
  const Pair denied = after(ConsentAct::kDeny, turned(after(ConsentAct::kSubscribe, {})));
  EXPECT_EQ(denied.given.consent, Consent::kDenied);
  EXPECT_EQ(after(ConsentAct::kSubscribe, turned(denied)).taken.consent, Consent::kRequested);
}

TEST(Consent, AnActDoneTwiceIsDoneOnce) {
  const Pair granted = after(ConsentAct::kGrant, turned(after(ConsentAct::kSubscribe, {})));
  for (const auto& [act, pair] : {std::pair(ConsentAct::kGrant, granted),
                                  std::pair(ConsentAct::kSubscribe, turned(granted))}) {
    const auto again = decide(act, pair, at(kNow + 1h));
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->given || again->taken);
  }
}

TEST(Consent, EndsFromEitherSideAndLosesItsTime) {
  const Pair granted = after(ConsentAct::kGrant, turned(after(ConsentAct::kSubscribe, {})));
  EXPECT_EQ(after(ConsentAct::kCancel, granted).given, Relation{});
  EXPECT_EQ(after(ConsentAct::kUnsubscribe, turned(granted)).taken, Relation{});
}

TEST(Consent, ABlockKeepsWhatWasGrantedAndItsEndIsRemembered) {
  const Pair granted = after(ConsentAct::kGrant, turned(after(ConsentAct::kSubscribe, {})));
  const Pair blocked = after(ConsentAct::kBlock, granted);
  EXPECT_EQ(blocked.given.consent, Consent::kGranted);
  EXPECT_EQ(blocked.given.restriction, Restriction::kBlocked);
  const Pair lifted = after(ConsentAct::kLift, blocked, kNow + 1h);
  EXPECT_EQ(lifted.given.restriction, Restriction::kNone);
  const Restricted hour{.how = Restriction::kBlocked,
                        .from = kNow - 1min,
                        .until = kNow + 1h,
                        .last_seen = kNow - 1min};
  EXPECT_EQ(lifted.given.restricted, std::vector{hour});
  EXPECT_EQ(after(ConsentAct::kBlock, blocked, kNow + 1h).given, blocked.given);
  EXPECT_EQ(after(ConsentAct::kLift, granted).given, granted.given);
}

TEST(Consent, WhoWasExceptedIsSoBehindABlock) {
  const Pair excepted = after(ConsentAct::kExcept, {});
  const Pair blocked = after(ConsentAct::kBlock, excepted, kNow + 1h);
  ASSERT_EQ(blocked.given.restricted.size(), 2U);
  EXPECT_EQ(blocked.given.restricted[0].until, engine::Timestamp{});
  const Pair excepted_again = after(ConsentAct::kExcept, blocked, kNow + 2h);
  EXPECT_EQ(excepted_again.given.restricted.size(), 2U);
  EXPECT_EQ(excepted_again.given.restricted[0].until, engine::Timestamp{});
  EXPECT_EQ(excepted_again.given.restricted[1].until, kNow + 2h);
  const Pair lifted = after(ConsentAct::kLift, excepted_again, kNow + 3h);
  EXPECT_EQ(lifted.given.restricted[0].until, kNow + 3h);
}

TEST(Consent, OfManyRestrictionsTheOldestBecomeOneAndHideMore) {
  Pair pair;
  for (int i = 0; i < 100; ++i) {
    pair = after(ConsentAct::kBlock, pair, kNow + std::chrono::hours(2 * i + 1));
    pair = after(ConsentAct::kLift, pair, kNow + std::chrono::hours(2 * i + 2));
  }
  const auto& all = pair.given.restricted;
  ASSERT_EQ(all.size(), limits::kRestrictedMax);
  EXPECT_EQ(all.front().from, kNow + 1h - 1min);
  EXPECT_EQ(all.front().until, all[1].from + 1min - 1h);
  EXPECT_EQ(all.back().until, kNow + 200h);
}

}  // namespace
}  // namespace bimip::frontend
