#include "frontend/services/awareness/history.h"

#include <gtest/gtest.h>

#include <ranges>

#include "frontend/services/awareness/records.h"

namespace bimip::frontend {
namespace {

using namespace std::chrono_literals;

engine::Timestamp at(int second) { return engine::Timestamp(std::chrono::seconds(second)); }

Transition was(int second, UserState state, Audience audience = Audience::kContacts) {
  return {.at = at(second), .state = state, .audience = audience};
}

using States = std::vector<std::pair<int, UserState>>;

// The records, oldest first.
HistoryAnswer look_back(const std::vector<Transition>& records, const Reader& reader,
                        const PastRange& range) {
  Past past(range, reader);
  for (const Transition& one : records | std::views::reverse) {
    if (past.add(one)) break;
  }
  return past.end();
}
States states(const HistoryAnswer& answer) {
  States states;
  for (const Transition& one : answer.transitions) {
    states.emplace_back(
        std::chrono::duration_cast<std::chrono::seconds>(one.at.time_since_epoch()).count(),
        one.state);
  }
  return states;
}
States seen(const std::vector<Transition>& records, const Reader& reader, int from = 0,
            int until = 1000) {
  return states(look_back(records, reader, {.from = at(from), .until = at(until), .most = 100}));
}

Reader contact_since(int second, const std::vector<Restricted>& restricted = {}) {
  return {.relation = {
              .consent = Consent::kGranted, .granted_at = at(second), .restricted = restricted}};
}

using enum UserState;

TEST(History, OneSeesOnesOwnAsItWas) {
  EXPECT_EQ(seen({was(1, kOnline), was(2, kInvisible), was(3, kOffline, Audience::kNobody)},
                 {.is_own = true}),
            (States{{1, kOnline}, {2, kInvisible}, {3, kOffline}}));
}

TEST(History, WhatWasBeforeTheConsentIsNotSeenNorWhenItWas) {
  const std::vector<Transition> records{was(1, kBusy), was(5, kOnline), was(20, kAway)};
  EXPECT_EQ(seen(records, contact_since(10)), (States{{10, kOnline}, {20, kAway}}));
  for (int from = 0; from < 10; ++from)
    EXPECT_EQ(seen(records, contact_since(10), from, 10), States{}) << from;
}

TEST(History, TheAudienceThatWasInForceThenCounts) {
  const std::vector<Transition> records{
      was(1, kOnline, Audience::kEveryone), was(2, kBusy, Audience::kNobody),
      was(3, kBusy, Audience::kContacts), was(4, kAway, Audience::kContactsExcept)};
  EXPECT_EQ(seen(records, {}), (States{{1, kOnline}, {2, kOffline}}));
  EXPECT_EQ(seen(records, contact_since(0)),
            (States{{1, kOnline}, {2, kOffline}, {3, kBusy}, {4, kAway}}));
  const Reader excepted =
      contact_since(0, {{.how = Restriction::kExcepted, .from = at(1), .until = at(900)}});
  EXPECT_EQ(seen(records, excepted, 0, 900),
            (States{{1, kOnline}, {2, kOffline}, {3, kBusy}, {4, kOffline}}));
}

TEST(History, ABlockLooksAsIfOneHadGoneOfflineAndLeavesWhatWasBefore) {
  const std::vector<Transition> records{was(1, kOnline), was(5, kBusy), was(9, kAway),
                                        was(12, kOnline)};
  const Reader blocked = contact_since(0, {{.from = at(6)}});
  EXPECT_EQ(seen(records, blocked), (States{{1, kOnline}, {5, kBusy}, {6, kOffline}}));
  const Reader let_back = contact_since(0, {{.from = at(6), .until = at(14)}});
  EXPECT_EQ(seen(records, let_back),
            (States{{1, kOnline}, {5, kBusy}, {6, kOffline}, {14, kOnline}}));
}

// Whoever hides may do there what he wants: the answer is the same for each range and page.
TEST(History, NothingOfWhatIsHiddenIsInAnyAnswer) {
  const std::vector<Transition> plain{was(10, kOnline), was(20, kInvisible), was(80, kBusy)};
  std::vector<Transition> full = plain;
  for (int i = 21; i < 80; ++i)
    full.insert(full.end() - 1, was(i, i % 3 == 0 ? kOffline : kInvisible));
  for (int i = 1; i < 10; ++i) full.insert(full.begin() + i - 1, was(i, kInvisible));
  for (int from = 0; from < 100; from += 3) {
    for (int until = from + 1; until < 101; until += 3) {
      for (std::size_t most = 1; most < 4; ++most) {
        const PastRange range{.from = at(from), .until = at(until), .most = most};
        const HistoryAnswer one = look_back(plain, contact_since(0), range);
        const HistoryAnswer other = look_back(full, contact_since(0), range);
        ASSERT_EQ(states(one), states(other)) << from << ' ' << until << ' ' << most;
        ASSERT_EQ(one.rest_until, other.rest_until);
      }
    }
  }
  EXPECT_EQ(seen(full, contact_since(0)), (States{{10, kOnline}, {20, kOffline}, {80, kBusy}}));
}

TEST(History, PagesGoBackToTheFirstOverWhateverIsHidden) {
  const std::vector<Transition> records{was(10, kOnline), was(20, kInvisible), was(30, kInvisible),
                                        was(40, kBusy)};
  const HistoryAnswer newest = look_back(records, contact_since(0), {.until = at(99), .most = 1});
  EXPECT_EQ(states(newest), (States{{40, kBusy}}));
  EXPECT_EQ(newest.rest_until, at(40));
  const HistoryAnswer next = look_back(records, contact_since(0), {.until = at(40), .most = 1});
  EXPECT_EQ(states(next), (States{{20, kOffline}}));
  const HistoryAnswer last = look_back(records, contact_since(0), {.until = at(20), .most = 1});
  EXPECT_EQ(states(last), (States{{10, kOnline}}));
  EXPECT_FALSE(last.rest_until);
}

// A connection that was lost before something else was recorded: it was found out later.
TEST(History, ALaterRecordCountsFromItsOwnTimeOn) {
  const std::vector<Transition> records{was(10, kOnline), was(30, kOnline, Audience::kEveryone),
                                        was(20, kOffline)};
  EXPECT_EQ(seen(records, contact_since(0)), (States{{10, kOnline}, {20, kOffline}}));
}

TEST(History, WhereNobodyLooksAnyFurtherTheRestIsARangeOfWholeHours) {
  constexpr int kHour = 3600;
  std::vector<Transition> records{was(kHour / 2, kOnline)};
  for (int i = 0; i < 100; ++i) records.push_back(was(kHour + i, kInvisible));
  records.push_back(was(9 * kHour, kBusy));
  Past past({.until = at(20 * kHour), .most = 10}, contact_since(0));
  for (std::size_t i = records.size(); i-- > 50;) EXPECT_FALSE(past.add(records[i]));
  ASSERT_TRUE(past.can_break_off());
  const HistoryAnswer part = past.break_off();
  EXPECT_EQ(states(part), (States{{9 * kHour, kBusy}}));
  EXPECT_EQ(part.rest_until, at(2 * kHour));
  EXPECT_EQ(states(look_back(records, contact_since(0), {.until = at(2 * kHour), .most = 10})),
            (States{{kHour / 2, kOnline}, {kHour, kOffline}}));
  // In the same hour there would be no end of it.
  Past same({.until = at(2 * kHour), .most = 10}, contact_since(0));
  EXPECT_FALSE(same.add(was(kHour + 7, kInvisible)));
  EXPECT_FALSE(same.can_break_off());
}

TEST(History, WhatWasInForceForTooLongIsToldWithoutItsBegin) {
  Past past({.from = at(50), .until = at(51), .most = 1}, contact_since(0));
  EXPECT_FALSE(past.add(was(40, kOnline)));
  ASSERT_TRUE(past.can_break_off());
  const HistoryAnswer answer = past.break_off();
  EXPECT_EQ(states(answer), (States{{50, kOnline}}));
  EXPECT_FALSE(answer.is_begin_known);
  EXPECT_FALSE(answer.rest_until);
}

TEST(Records, ComeBackAsTheyWere) {
  const Transition transition{
      .at = at(7), .state = kDoNotDisturb, .text = "text", .audience = Audience::kContactsExcept};
  const auto read = decode_transition(engine::as_bytes(encode(transition)));
  ASSERT_TRUE(read);
  EXPECT_EQ(std::tie(read->at, read->state, read->text, read->audience),
            std::tie(transition.at, transition.state, transition.text, transition.audience));
  const RuleRecord rule{
      .eid = "ann",
      .other = "bob",
      .relation = {.consent = Consent::kGranted,
                   .restriction = Restriction::kBlocked,
                   .is_mutual = true,
                   .granted_at = at(3),
                   .restricted = {{.from = at(4), .until = at(5), .last_seen = at(2)}}}};
  EXPECT_EQ(decode_rule(engine::as_bytes(encode(rule)))->relation, rule.relation);
  const RuleRecord audiences{.eid = "ann",
                             .privacy = {.presence = Audience::kNobody,
                                         .last_seen = Audience::kEveryone,
                                         .location = Audience::kContacts}};
  EXPECT_EQ(decode_rule(engine::as_bytes(encode(audiences)))->privacy, audiences.privacy);
  EXPECT_NE(rule_key(rule), rule_key(audiences));
  const StateRecord state{
      .eid = "ann",
      .state = {.published = {.state = kBusy,
                              .text = "x",
                              .since = at(1),
                              .last_seen = at(2),
                              .audiences = {{at(1), Audience::kEveryone}}},
                .devices = {{.name = "phone", .state = kBusy, .text = "x", .since = at(1)}}}};
  const auto kept = decode_state(engine::as_bytes(encode(state)));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->state.published.last_seen, at(2));
  EXPECT_EQ(kept->state.published.audiences, state.state.published.audiences);
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
