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

using Parts = std::vector<KnownPart>;
engine::Timestamp at(int second) { return engine::Timestamp(std::chrono::seconds(second)); }
KnownPart part(int begin, int end) { return {.begin = at(begin), .end = at(end)}; }

TEST(Privacy, ThePastIsKnownFromTheConsentOn) {
  const Relation contact{.consent = Consent::kGranted, .granted_at = at(10)};
  EXPECT_EQ(known_parts(kContacts, contact, part(1, 30)), (Parts{part(10, 30)}));
  EXPECT_EQ(known_parts(kContacts, contact, part(1, 10)), Parts{});
  EXPECT_EQ(known_parts(kEveryone, {}, part(1, 30)), (Parts{part(1, 30)}));
  EXPECT_EQ(known_parts(kContacts, {}, part(1, 30)), Parts{});
  EXPECT_EQ(known_parts(kNobody, contact, part(1, 30)), Parts{});
}

TEST(Privacy, OfARestrictionNothingIsKnownAfterwards) {
  Relation contact{.consent = Consent::kGranted, .granted_at = at(2)};
  contact.restricted = {{.how = Restriction::kBlocked, .from = at(10), .until = at(20)},
                        {.how = Restriction::kExcepted, .from = at(15), .until = at(25)}};
  EXPECT_EQ(known_parts(kContacts, contact, part(1, 30)), (Parts{part(2, 10), part(20, 30)}));
  EXPECT_EQ(known_parts(kContactsExcept, contact, part(1, 30)), (Parts{part(2, 10), part(25, 30)}));
  EXPECT_EQ(known_parts(kEveryone, contact, part(12, 18)), Parts{});
  contact.restricted.push_back({.how = Restriction::kBlocked, .from = at(28)});
  EXPECT_EQ(known_parts(kEveryone, contact, part(22, 40)), (Parts{part(22, 28)}));
}

TEST(Privacy, ABlockOfWhichTheBeginIsNotKnownHidesEverything) {
  EXPECT_EQ(known_parts(kEveryone, kBlockedContact, part(1, 30)), Parts{});
}

TEST(Privacy, AStateIsKnownSinceItCameIntoSight) {
  const Relation contact{.consent = Consent::kGranted, .granted_at = at(10)};
  EXPECT_EQ(known_since({{at(1), kContacts}}, contact), at(10));
  EXPECT_EQ(known_since({{at(12), kContacts}}, contact), at(12));
  // An audience that makes no difference to him makes none to the time.
  EXPECT_EQ(known_since({{at(12), kEveryone}, {at(14), kContacts}}, contact), at(12));
  EXPECT_EQ(known_since({{at(12), kNobody}, {at(14), kContacts}}, contact), at(14));
  EXPECT_EQ(known_since({{at(12), kContacts}, {at(14), kNobody}}, contact), engine::Timestamp{});
  Relation let_back = contact;
  let_back.restricted = {{.how = Restriction::kBlocked, .from = at(20), .until = at(30)}};
  EXPECT_EQ(known_since({{at(12), kContacts}}, let_back), at(30));
}

TEST(Privacy, LastSeenIsNeverFromATimeThatIsNotKnown) {
  Relation contact{.consent = Consent::kGranted, .granted_at = at(10)};
  EXPECT_EQ(known_last_seen(kContacts, contact, at(9)), engine::Timestamp{});
  EXPECT_EQ(known_last_seen(kEveryone, contact, at(9)), at(9));
  EXPECT_EQ(known_last_seen(kContacts, contact, at(12)), at(12));
  contact.restricted = {
      {.how = Restriction::kBlocked, .from = at(20), .until = at(30), .last_seen = at(20)}};
  EXPECT_EQ(known_last_seen(kContacts, contact, at(25)), at(20));
  EXPECT_EQ(known_last_seen(kContacts, contact, at(31)), at(31));
}

}  // namespace
}  // namespace bimip::frontend
