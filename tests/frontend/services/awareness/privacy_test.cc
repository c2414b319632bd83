#include "frontend/services/awareness/privacy.h"

#include <gtest/gtest.h>

namespace bimip::frontend {
namespace {

using namespace std::chrono_literals;
using enum Audience;

struct Case {
  Privacy owner{};
  Privacy viewer{};
  Relation to_viewer{};
  Relation to_owner{};
  [[nodiscard]] bool may(Aspect aspect) const {
    return may_see(
        aspect, {.owner = owner, .viewer = viewer, .to_viewer = to_viewer, .to_owner = to_owner});
  }
};

constexpr Relation kContact{.consent = Consent::kGranted};
constexpr Relation kExcepted{.consent = Consent::kGranted, .restriction = Restriction::kExcepted};
constexpr Relation kBlockedContact{.consent = Consent::kGranted,
                                   .restriction = Restriction::kBlocked};

TEST(Privacy, EachAudienceAdmitsItsOwn) {
  const auto admits = [](Audience audience, const Relation& relation) {
    return Case{.owner = {.presence = audience}, .to_viewer = relation}.may(Aspect::kPresence);
  };
  EXPECT_TRUE(admits(kEveryone, {}));
  EXPECT_FALSE(admits(kContacts, {}));
  EXPECT_FALSE(admits(kContacts, {.consent = Consent::kRequested}));
  EXPECT_FALSE(admits(kContacts, {.consent = Consent::kDenied}));
  EXPECT_TRUE(admits(kContacts, kContact));
  EXPECT_TRUE(admits(kContacts, kExcepted));
  EXPECT_TRUE(admits(kContactsExcept, kContact));
  EXPECT_FALSE(admits(kContactsExcept, kExcepted));
  EXPECT_FALSE(admits(kNobody, kContact));
  EXPECT_FALSE(admits(kUnspecified, kContact));
}

TEST(Privacy, ABlockHidesBothFromEachOther) {
  for (const Aspect aspect : {Aspect::kPresence, Aspect::kLastSeen, Aspect::kLocation}) {
    const Privacy open{.presence = kEveryone, .last_seen = kEveryone, .location = kEveryone};
    EXPECT_TRUE((Case{.owner = open, .to_viewer = kContact}.may(aspect)));
    EXPECT_FALSE((Case{.owner = open, .to_viewer = kBlockedContact}.may(aspect)));
    EXPECT_FALSE(
        (Case{.owner = open, .to_viewer = kContact, .to_owner = kBlockedContact}.may(aspect)));
  }
}

TEST(Privacy, WhoHidesDoesNotSee) {
  const Privacy open{.presence = kEveryone, .last_seen = kEveryone, .location = kEveryone};
  const Privacy hidden{.presence = kNobody, .last_seen = kNobody, .location = kNobody};
  EXPECT_FALSE((Case{.owner = open, .viewer = hidden}.may(Aspect::kPresence)));
  EXPECT_FALSE((Case{.owner = open, .viewer = hidden}.may(Aspect::kLastSeen)));
  // A place is shared by who wants to, with whom he wants to.
  EXPECT_TRUE((Case{.owner = open, .viewer = hidden}.may(Aspect::kLocation)));
  const Privacy but_one{.presence = kContactsExcept};
  EXPECT_FALSE(
      (Case{.owner = open, .viewer = but_one, .to_owner = kExcepted}.may(Aspect::kPresence)));
  EXPECT_TRUE((Case{.owner = open, .viewer = but_one}.may(Aspect::kPresence)));
}

TEST(Privacy, AOneWayConsentIsEnoughForThatWay) {
  EXPECT_TRUE((Case{.to_viewer = kContact}.may(Aspect::kPresence)));
  EXPECT_FALSE((Case{.to_owner = kContact}.may(Aspect::kPresence)));
}

TEST(Privacy, ThePastIsVisibleFromTheConsentAndFromTheLastRestrictionOn) {
  const engine::Timestamp granted(10s);
  const engine::Timestamp admitted(20s);
  const Relation contact{.consent = Consent::kGranted, .granted_at = granted};
  Relation admitted_again = contact;
  admitted_again.admitted_at = admitted;
  EXPECT_EQ(visible_from(kContacts, contact), granted);
  EXPECT_EQ(visible_from(kContacts, admitted_again), admitted);
  EXPECT_EQ(visible_from(kEveryone, {}), engine::Timestamp{});
  EXPECT_EQ(visible_from(kEveryone, admitted_again), admitted);
  EXPECT_EQ(visible_from(kContacts, {}), std::nullopt);
  EXPECT_EQ(visible_from(kNobody, contact), std::nullopt);
  EXPECT_EQ(visible_from(kContactsExcept, kExcepted), std::nullopt);
  EXPECT_EQ(visible_from(kEveryone, kBlockedContact), std::nullopt);
}

}  // namespace
}  // namespace bimip::frontend
