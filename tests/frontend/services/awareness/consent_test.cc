#include "frontend/services/awareness/consent.h"

#include <gtest/gtest.h>

namespace bimip::frontend {
namespace {

using namespace std::chrono_literals;

constexpr engine::Timestamp kNow(1'700'000'000s);

Pair after(ConsentAct act, Pair pair) {
  const auto change = decide(act, pair, kNow);
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
  EXPECT_EQ(decide(ConsentAct::kGrant, {}, kNow).error(), ConsentFault::kNothingAsked);
  EXPECT_EQ(decide(ConsentAct::kDeny, {}, kNow).error(), ConsentFault::kNothingAsked);
  EXPECT_EQ(decide(ConsentAct::kCancel, {}, kNow).error(), ConsentFault::kNothingGiven);
  EXPECT_EQ(decide(ConsentAct::kUnsubscribe, {}, kNow).error(), ConsentFault::kNotSubscribed);
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
    const auto again = decide(act, pair, kNow + 1h);
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
  const Pair lifted = after(ConsentAct::kLift, blocked);
  EXPECT_EQ(lifted.given.restriction, Restriction::kNone);
  EXPECT_EQ(lifted.given.admitted_at, kNow);
  EXPECT_EQ(after(ConsentAct::kLift, granted).given, granted.given);
}

}  // namespace
}  // namespace bimip::frontend
