// What awareness was told, replayed: that it was changed is found, and nothing that stands in a
// recording does harm. That recordings replay at all is shown by every test of the core.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/frontend/recorded_events.h"
#include "tests/frontend/services/awareness/core_world.h"

namespace bimip::testing {
namespace {

// Something of every kind.
std::string some_recording() {
  CoreWorld world;
  EXPECT_TRUE(world.core().load_privacy("alice", {.last_seen = Audience::kEveryone}));
  EXPECT_TRUE(world.core().load_relation("alice", "carol", {.consent = Consent::kGranted}));
  EXPECT_TRUE(world.core().load_state(
      "carol",
      {.published = {.state = UserState::kOnline, .since = world.wall - 1h},
       .devices = {{.name = "tablet", .state = UserState::kOnline, .since = world.wall - 1h}}},
      world.wall - 1min, world.now()));
  world.core().apply_relation("alice", "bob", {.consent = Consent::kGranted}, world.now());
  const SeatNumber bob = world.watch("bob", true, {"carol"});
  const SeatOf phone = world.sit("alice", "phone", UserState::kOnline, "here");
  world.hear();
  world.pass(1s);
  EXPECT_TRUE(world.core().announce(
      phone, {.state = UserState::kBusy, .system = SystemFacts{.battery_percent = 70, .load = 0.5}},
      world.now()));
  EXPECT_TRUE(world.core().set_activity(phone, {.name = "typing", .to = "bob"}, 5s, world.now()));
  EXPECT_TRUE(
      world.core().set_position(phone, Position{.latitude = 1, .accuracy_m = 2}, 60s, world.now()));
  for (const EntityNumber entity : world.core().take_stale()) (void)world.core().kept(entity);
  world.core().apply_privacy("alice", {.location = Audience::kContacts}, world.now());
  world.pass(2s);
  world.hear();
  world.lose(phone);
  world.pass(2min);
  (void)world.core().take_transitions();
  world.core().unwatch(bob);
  world.core().stop_lapsing();
  return world.recorded();
}

ReplayReport replay_awareness_of(const std::vector<KeptEvent>& events) {
  return replay_of(events, RecordedCore::kAwareness);
}

TEST(AwarenessReplay, ComparesWhatIsSaidAndTheState) {
  const std::vector<KeptEvent> events = events_of(some_recording());
  std::set<TapeEvent> kinds;
  for (const KeptEvent& event : events) kinds.insert(event.event);
  for (auto kind = TapeEvent::kRules; kind <= TapeEvent::kCoreState;
       kind = static_cast<TapeEvent>(static_cast<int>(kind) + 1))
    EXPECT_TRUE(kinds.contains(kind)) << "kind " << static_cast<int>(kind);
  const ReplayReport report = replay_awareness_of(events);
  EXPECT_FALSE(report.difference);
  EXPECT_EQ(report.end, ReplayReport::End::kWhole);
  EXPECT_EQ(report.sessions, 0U);
  EXPECT_GE(report.inputs, 25U);
  EXPECT_GE(report.outputs, 14U);
  EXPECT_EQ(report.states, 1U);
}

// A server that is killed writes none at its end.
TEST(AwarenessReplay, ComparesTheStateAllAlong) {
  CoreWorld world;
  const SeatOf phone = world.sit("alice", "phone", UserState::kOnline, "here");
  for (int i = 0; i < 200; ++i)
    EXPECT_TRUE(world.core().announce(phone, {.text = std::to_string(i)}, world.now()));
  const ReplayReport report = replay_awareness_of(events_of(world.recorded()));
  EXPECT_FALSE(report.difference);
  EXPECT_GE(report.states, 1U + report.inputs / 80);
}

// It costs what is known: so seldom that no input pays for more than a few entities.
TEST(AwarenessReplay, ComparesALargeStateLessOften) {
  CoreWorld world;
  constexpr std::uint64_t kEntities = 900;
  for (std::uint64_t i = 0; i < kEntities; ++i)
    EXPECT_TRUE(world.core().load_privacy("eid " + std::to_string(i), {}));
  const ReplayReport report = replay_awareness_of(events_of(world.recorded()));
  EXPECT_FALSE(report.difference);
  EXPECT_GE(report.states, 4U);
  EXPECT_LE(report.states, 10U);
}

TEST(AwarenessReplay, FindsEveryEventThatIsMissing) {
  const std::vector<KeptEvent> events = events_of(some_recording());
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    std::vector<KeptEvent> without = events;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    // When nothing was due, that time passed is in what happens next.
    if (events[i].event == TapeEvent::kCoreState || events[i].event == TapeEvent::kAdvance)
      continue;
    EXPECT_TRUE(replay_awareness_of(without).difference)
        << "event " << i + 1 << " of kind " << static_cast<int>(events[i].event);
  }
}

TEST(AwarenessReplay, FindsAStateAndAnAnswerThatWereOthers) {
  for (const TapeEvent kind : {TapeEvent::kCoreState, TapeEvent::kSaid}) {
    EXPECT_TRUE(replay_awareness_of(with_others(events_of(some_recording()), kind)).difference);
  }
}

TEST(AwarenessReplay, SaysWhatItDoesNotUnderstand) {
  const std::vector<KeptEvent> events = events_of(some_recording());
  const KeptEvent rules = events.front();
  const auto fault = [](const std::vector<KeptEvent>& all) {
    return replay_awareness_of(all).difference->what;
  };
  EXPECT_EQ(fault({{TapeEvent::kStopLapsing, ""}}), "something happens before there are rules");
  EXPECT_EQ(fault({rules, rules}), "there are rules already");
  EXPECT_EQ(fault({rules, {TapeEvent::kStanza, ""}}),
            "an event of a kind that this program does not know");
  EXPECT_EQ(fault({rules, {TapeEvent::kUnwatch, ""}}),
            "an event that says less than its kind says");
  EXPECT_EQ(fault({rules, {TapeEvent::kKept, std::string("\x77", 1)}}),
            "what is not stale was kept");
}

TEST(AwarenessReplay, TakesNoHarmFromAnyWords) {
  replay_any_words(events_of(some_recording()), RecordedCore::kAwareness);
}

}  // namespace
}  // namespace bimip::testing
