#include "frontend/services/awareness/history.h"

#include <gtest/gtest.h>

#include "frontend/services/awareness/records.h"

namespace bimip::frontend {
namespace {

using namespace std::chrono_literals;

engine::Timestamp at(int second) { return engine::Timestamp(std::chrono::seconds(second)); }

Transition was(int second, UserState state, Audience audience = Audience::kContacts) {
  return {.at = at(second), .state = state, .audience = audience};
}

using States = std::vector<std::pair<int, UserState>>;
States seen(const std::vector<Transition>& transitions, const Reader& reader, int until = 1000) {
  States states;
  for (const Transition& one : visible_part(transitions, at(until), reader)) {
    states.emplace_back(
        std::chrono::duration_cast<std::chrono::seconds>(one.at.time_since_epoch()).count(),
        one.state);
  }
  return states;
}

Reader contact_since(int second, int admitted = 0) {
  return {.relation = {
              .consent = Consent::kGranted, .granted_at = at(second), .admitted_at = at(admitted)}};
}

using enum UserState;

TEST(History, OneSeesOnesOwnAsItWas) {
  EXPECT_EQ(seen({was(1, kOnline), was(2, kInvisible), was(3, kOffline, Audience::kNobody)},
                 {.is_own = true}),
            (States{{1, kOnline}, {2, kInvisible}, {3, kOffline}}));
}

TEST(History, WhatWasBeforeTheConsentIsNotSeenAndASpanIsCutThere) {
  EXPECT_EQ(seen({was(1, kBusy), was(5, kOnline), was(20, kAway)}, contact_since(10)),
            (States{{1, kOffline}, {10, kOnline}, {20, kAway}}));
  EXPECT_EQ(seen({was(1, kBusy), was(5, kOnline)}, contact_since(10), 8), (States{{1, kOffline}}));
}

TEST(History, TheAudienceThatWasInForceThenCounts) {
  const std::vector<Transition> transitions{
      was(1, kOnline, Audience::kEveryone), was(2, kBusy, Audience::kNobody),
      was(3, kBusy, Audience::kContacts), was(4, kAway, Audience::kContactsExcept)};
  EXPECT_EQ(seen(transitions, {}), (States{{1, kOnline}, {2, kOffline}}));
  EXPECT_EQ(seen(transitions, contact_since(0)),
            (States{{1, kOnline}, {2, kOffline}, {3, kBusy}, {4, kAway}}));
  Reader excepted = contact_since(0);
  excepted.relation.restriction = Restriction::kExcepted;
  EXPECT_EQ(seen(transitions, excepted),
            (States{{1, kOnline}, {2, kOffline}, {3, kBusy}, {4, kOffline}}));
}

TEST(History, NothingFromBeforeTheEndOfARestrictionIsSeen) {
  EXPECT_EQ(seen({was(1, kOnline, Audience::kEveryone), was(5, kBusy)}, contact_since(0, 7)),
            (States{{1, kOffline}, {7, kBusy}}));
}

TEST(History, InvisibleLooksOfflineAndLeavesNoMark) {
  EXPECT_EQ(seen({was(1, kOffline), was(2, kInvisible), was(3, kOffline), was(4, kOnline)},
                 contact_since(0)),
            (States{{1, kOffline}, {4, kOnline}}));
}

TEST(Records, ComeBackAsTheyWere) {
  const Transition transition{
      .at = at(7), .state = kDoNotDisturb, .text = "text", .audience = Audience::kContactsExcept};
  const auto read = decode_transition(engine::as_bytes(encode(transition)));
  ASSERT_TRUE(read);
  EXPECT_EQ(std::tie(read->at, read->state, read->text, read->audience),
            std::tie(transition.at, transition.state, transition.text, transition.audience));
  const RuleRecord rule{.eid = "ann",
                        .other = "bob",
                        .relation = {.consent = Consent::kGranted,
                                     .restriction = Restriction::kBlocked,
                                     .is_mutual = true,
                                     .granted_at = at(3),
                                     .admitted_at = at(4)}};
  EXPECT_EQ(decode_rule(engine::as_bytes(encode(rule)))->relation, rule.relation);
  const RuleRecord audiences{.eid = "ann",
                             .privacy = {.presence = Audience::kNobody,
                                         .last_seen = Audience::kEveryone,
                                         .location = Audience::kContacts}};
  EXPECT_EQ(decode_rule(engine::as_bytes(encode(audiences)))->privacy, audiences.privacy);
  EXPECT_NE(rule_key(rule), rule_key(audiences));
  const StateRecord state{
      .eid = "ann",
      .state = {.published = {.state = kBusy, .text = "x", .since = at(1), .last_seen = at(2)},
                .devices = {{.name = "phone", .state = kBusy, .text = "x", .since = at(1)}}}};
  const auto kept = decode_state(engine::as_bytes(encode(state)));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->state.published.last_seen, at(2));
  ASSERT_EQ(kept->state.devices.size(), 1U);
  EXPECT_EQ(kept->state.devices[0].name, "phone");
}

TEST(Records, WhatIsNotKnownShowsNothing) {
  // An audience 9 and a state 77.
  const std::string later("\x08\x01\x10\x4d\x20\x09", 6);
  const auto read = decode_transition(engine::as_bytes(later));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->state, kOffline);
  EXPECT_EQ(read->audience, Audience::kNobody);
  EXPECT_FALSE(decode_transition(engine::as_bytes("\xff\xff")));
  EXPECT_FALSE(decode_rule(engine::as_bytes("")));
}

}  // namespace
}  // namespace bimip::frontend
