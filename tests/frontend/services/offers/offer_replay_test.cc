// What the offers were told, replayed: that it was changed is found, and nothing that stands in a
// recording does harm. That recordings replay at all is shown by every test of the service.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "frontend/services/offers/taped_offers.h"
#include "tests/frontend/recorded_events.h"
#include "tests/frontend/tape_in_memory.h"

namespace bimip::testing {
namespace {

using namespace bimip::frontend;  // NOLINT: tests read better without it
using namespace std::chrono_literals;
using engine::Timestamp;

constexpr Timestamp kNow(1'000'000s);

Offer offer(const std::string& id, OfferState state = OfferState::kProposed) {
  return {.key = {.from = "ann", .id = id},
          .from_device = "phone",
          .to = "bob",
          .kind = "call",
          .description = "video",
          .state = state,
          .proposed_at = kNow,
          .changed_at = kNow,
          .expires_at = kNow + 60s};
}

// Something of every kind.
std::string some_recording() {
  TapeInMemory tape(RecordedCore::kOffers);
  TapedOffers core(&tape);
  const OfferRefusal refusal{.code = Code::kInternal, .why = "the disk is bad"};
  const auto expect_changes = [](const OfferOutputs& out, std::size_t changes) {
    EXPECT_EQ(out.changes.size(), changes);
  };
  core.load(offer("old"));
  core.load(offer("gone"));
  core.forget({.from = "ann", .id = "gone"});
  const OfferKey call{.from = "ann", .id = "call"};
  expect_changes(core.propose(AskNumber(1), offer("call")), 1);
  expect_changes(core.stored(call, {}), 0);
  const OfferMove accept{
      .action = OfferAction::kAccept, .eid = "bob", .device = "pad", .description = "yes"};
  expect_changes(core.move(AskNumber(2), call, accept, kNow + 1s), 1);
  expect_changes(core.move(AskNumber(3), call, accept, kNow + 2s), 0);
  expect_changes(core.stored(call, refusal), 1);
  expect_changes(core.stored(call, {}), 0);
  expect_changes(core.propose(AskNumber(4), offer("call")), 0);
  expect_changes(core.advance(kNow + 60s), 1);
  const OfferKey old{.from = "ann", .id = "old"};
  expect_changes(core.stored(old, {}), 1);
  expect_changes(core.stored(old, {}), 1);
  expect_changes(core.stored(old, {}), 0);
  expect_changes(core.advance(kNow + 180s), 1);
  expect_changes(core.stored(old, {}), 0);
  EXPECT_EQ(core.of("ann").size(), 1U);
  core.end_tape();
  return tape.bytes();
}

ReplayReport replay_offers_of(const std::vector<KeptEvent>& events) {
  return replay_of(events, RecordedCore::kOffers);
}

TEST(OfferReplay, ComparesWhatIsSaidAndTheState) {
  const std::vector<KeptEvent> events = events_of(some_recording());
  std::set<TapeEvent> kinds;
  for (const KeptEvent& event : events) kinds.insert(event.event);
  EXPECT_EQ(kinds, (std::set{TapeEvent::kLoadOffer, TapeEvent::kForgetOffer, TapeEvent::kPropose,
                             TapeEvent::kMove, TapeEvent::kOffersAdvance, TapeEvent::kOfferStored,
                             TapeEvent::kSaid, TapeEvent::kCoreState, TapeEvent::kEnd}));
  const ReplayReport report = replay_offers_of(events);
  EXPECT_FALSE(report.difference);
  EXPECT_EQ(report.end, ReplayReport::End::kWhole);
  EXPECT_EQ(report.sessions, 0U);
  EXPECT_EQ(report.inputs, 16U);
  EXPECT_EQ(report.outputs, 13U);
  EXPECT_EQ(report.states, 1U);
}

TEST(OfferReplay, ComparesTheStateAllAlong) {
  TapeInMemory tape(RecordedCore::kOffers);
  TapedOffers core(&tape);
  core.load(offer("old"));
  for (std::uint64_t i = 1; i <= 10'000; ++i) {
    const OfferOutputs out = core.move(AskNumber(i), {.from = "ann", .id = "none"},
                                       {.action = OfferAction::kRing, .eid = "bob"}, kNow);
    ASSERT_EQ(out.answers.size(), 1U);
  }
  core.end_tape();
  const ReplayReport report = replay_offers_of(events_of(tape.bytes()));
  EXPECT_FALSE(report.difference);
  EXPECT_EQ(report.states, 10'001 / 64 + 1) << "on the way, and at the end";
}

TEST(OfferReplay, FindsEveryEventThatIsMissing) {
  const std::vector<KeptEvent> events = events_of(some_recording());
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    // That something was there which is forgotten at once is nowhere to be seen.
    const bool is_forgotten =
        i + 1 < events.size() && events[i + 1].event == TapeEvent::kForgetOffer;
    if (events[i].event == TapeEvent::kCoreState || is_forgotten) continue;
    std::vector<KeptEvent> without = events;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_TRUE(replay_offers_of(without).difference)
        << "event " << i + 1 << " of kind " << static_cast<int>(events[i].event);
  }
}

TEST(OfferReplay, FindsAStateAndAnAnswerThatWereOthers) {
  for (const TapeEvent kind : {TapeEvent::kCoreState, TapeEvent::kSaid}) {
    EXPECT_TRUE(replay_offers_of(with_others(events_of(some_recording()), kind)).difference);
  }
}

TEST(OfferReplay, FindsAnInputThatWasAnother) {
  const std::vector<KeptEvent> events = events_of(some_recording());
  const std::set all_matters{TapeEvent::kForgetOffer, TapeEvent::kMove, TapeEvent::kOfferStored};
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (!all_matters.contains(events[i].event)) continue;
    for (std::size_t at = 0; at < events[i].words.size(); ++at) {
      std::vector<KeptEvent> changed = events;
      changed[i].words[at] ^= 1;
      EXPECT_TRUE(replay_offers_of(changed).difference)
          << "byte " << at << " of event " << i + 1 << " of kind "
          << static_cast<int>(events[i].event);
    }
  }
}

TEST(OfferReplay, SaysWhatItDoesNotUnderstand) {
  const std::vector<KeptEvent> events = events_of(some_recording());
  const auto fault = [](const std::vector<KeptEvent>& all) {
    return replay_offers_of(all).difference->what;
  };
  EXPECT_EQ(fault({{TapeEvent::kStanza, ""}}),
            "an event of a kind that this program does not know");
  EXPECT_EQ(fault({{TapeEvent::kLoadOffer, ""}}), "an event that says less than its kind says");
  EXPECT_EQ(fault({{TapeEvent::kOfferStored, std::string("\0\0\0", 3)}}),
            "what was not on its way was stored");
}

TEST(OfferReplay, TakesNoHarmFromAnyWords) {
  replay_any_words(events_of(some_recording()), RecordedCore::kOffers);
}

}  // namespace
}  // namespace bimip::testing
