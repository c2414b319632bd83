// The same life twice, once with much that is hidden: nobody is told anything else, nor at another
// time, nor reads another past. And somebody who blocks everybody is as one who went offline then.
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "tests/frontend/services/awareness/awareness_play.h"
#include "tests/support/proof_effort.h"

namespace bimip::testing {
namespace {

constexpr std::uint64_t kLives = 150;
constexpr int kHidesAt = 20;
constexpr int kBlocksAt = 40;
constexpr std::uint64_t kFirstHiddenSeat = 1'000'000;

// Beside the others: gus becomes invisible, bea goes offline, or blocks everybody; nan is for
// nobody.
const std::vector<std::string> kHidden{"bea", "gus", "nan"};

std::string spelled(const Seen& seen) {
  std::ostringstream out;
  out << seen.eid << " is " << static_cast<int>(seen.state) << " since " << micros(seen.since)
      << " last seen " << micros(seen.last_seen) << ' ' << seen.text;
  if (seen.system) out << " system " << *seen.system->battery_percent;
  if (seen.position) out << " at " << seen.position->latitude;
  for (const Activity& one : seen.activities) out << ' ' << one.name << '>' << one.to;
  return out.str();
}

class World final : public AwarenessPlay {
 public:
  World(std::uint64_t seed, bool is_full)
      : AwarenessPlay(seed, kRules), hidden_(seed), is_full_(is_full) {
    constexpr Audience kAll = Audience::kEveryone;
    constexpr Audience kNone = Audience::kNobody;
    for (const std::string& one : kHidden) {
      const Privacy privacy =
          one == "nan" ? Privacy{kNone, kNone, kNone} : Privacy{kAll, kAll, kAll};
      set_privacy(one, privacy);
      say(one, "phone", {.state = UserState::kOnline, .text = "hello"});
    }
    keep();
  }
  // All that anybody was told, with its time, and what they found.
  std::vector<std::string> story;
  int hidden_acts = 0;

 private:
  [[nodiscard]] std::vector<std::string> always_watched() const override { return kHidden; }

  void on_told(const Told& told) override {
    AwarenessPlay::on_told(told);
    std::set<std::string> lines;
    for (const Seen& seen : told.seen) lines.insert(spelled(seen));
    for (const RelationSeen& one : told.relations) {
      lines.insert(one.eid + " relates " + std::to_string(static_cast<int>(one.given)) +
                   std::to_string(static_cast<int>(one.taken)) + (one.is_mutual ? "m" : ""));
    }
    std::string all = std::to_string(passed.count()) + " to " + std::to_string(told.seat.value()) +
                      (told.is_complete ? " complete" : "");
    for (const std::string& line : lines) all += "; " + line;
    story.push_back(all);
  }

  void say(const std::string& who, const std::string& device, const Announcement& said) {
    SeatOf& seat = seats_[{who, device}];
    if (seat.eid.empty()) {
      seat = {.eid = who, .device = device, .seat = SeatNumber(kFirstHiddenSeat + ++last_)};
      heard[seat.seat.value()] = kAlways;
    }
    EXPECT_TRUE(core().announce(seat, said, now()));
    if (said.state == UserState::kOffline) seat = {};
  }
  void say_anything(const std::string& who, UserState state) {
    say(who, "phone", {.state = state, .text = "unseen " + std::to_string(hidden_.below(100))});
    const SeatOf seat = seats_[{who, "phone"}];
    const auto number = static_cast<std::uint32_t>(hidden_.below(90));
    switch (hidden_.below(6)) {
      case 0:
        return say(who, "phone", {.system = SystemFacts{.battery_percent = number}});
      case 1:
        EXPECT_TRUE(core().set_activity(seat, {.name = "typing"}, 1s, now()));
        return;
      case 2: {
        const std::string& to = kPeople[hidden_.below(kPeople.size())];
        EXPECT_TRUE(core().set_activity(seat, {.name = "typing", .to = to}, 1s, now()));
        return;
      }
      case 3: {
        const Position position{.latitude = static_cast<double>(number)};
        EXPECT_TRUE(core().set_position(seat, position, 1s, now()));
        return;
      }
      case 4:
        say(who, "pad", {.state = static_cast<UserState>(1 + hidden_.below(4)), .text = "pad"});
        return;
      default:
        say(who, "pad", {.state = UserState::kOffline});
        say(who, "phone", {.state = UserState::kOffline});
    }
  }
  void do_something_hidden() {
    ++hidden_acts;
    switch (hidden_.below(4)) {
      case 0:
        return say_anything("nan", static_cast<UserState>(1 + hidden_.below(5)));
      case 1:
        if (steps_ > kHidesAt) say_anything("gus", UserState::kInvisible);
        return;
      case 2:
        if (steps_ > kBlocksAt) say_anything("bea", static_cast<UserState>(1 + hidden_.below(5)));
        return;
      default:
        if (steps_ <= kHidesAt) return;
        const ConsentAct how = std::array{ConsentAct::kBlock, ConsentAct::kExcept,
                                          ConsentAct::kLift}[hidden_.below(3)];
        (void)wants(how, hidden_.below(2) == 0 ? "gus" : "nan", kPeople[hidden_.below(6)]);
    }
  }
  void after_step() override {
    ++steps_;
    if (steps_ == kHidesAt || steps_ == kBlocksAt)
      say("bea", "phone", {.state = UserState::kOnline, .text = "hello"});
    if (steps_ == kHidesAt) say("gus", "phone", {.state = UserState::kInvisible, .text = ""});
    if (steps_ == kBlocksAt) {
      if (is_full_) {
        for (const std::string& one : kPeople) (void)wants(ConsentAct::kBlock, "bea", one);
      } else {
        say("bea", "phone", {.state = UserState::kOffline});
      }
    }
    for (std::uint64_t i = is_full_ ? hidden_.below(3) : 0; i > 0; --i) do_something_hidden();
    collect();
    hear();
    keep();
    if (steps_ % 10 != 0) return;
    for (const std::string& viewer : kPeople) {
      for (const std::string& owner : kHidden) {
        std::string found = std::to_string(passed.count()) + " " + viewer + " finds " +
                            spelled(core().see(viewer, owner));
        const PastRange all{.until = engine::Timestamp::max(), .most = 500};
        for (const auto& step : read(viewer, owner, all).steps)
          found += "; " + std::to_string(micros(step.at)) + " " +
                   std::to_string(static_cast<int>(step.look.state)) + step.look.text;
        story.push_back(found);
      }
    }
  }
  void crash() override {
    AwarenessPlay::crash();
    seats_.clear();
  }

  engine::Random hidden_;
  const bool is_full_;
  int steps_ = 0;
  std::uint64_t last_ = 0;
  std::map<Two, SeatOf> seats_;
};

TEST(AwarenessWorlds, WhatIsHiddenChangesNeitherWhatIsToldNorWhenNorWhatWas) {
  int hidden = 0;
  for (std::uint64_t seed = 1; seed <= kLives * proof_seeds(); seed += proof_stride()) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World empty(seed, false);
    empty.run();
    World full(seed, true);
    full.run();
    // In which order who was told at one moment does not matter.
    std::ranges::sort(empty.story);
    std::ranges::sort(full.story);
    ASSERT_EQ(empty.story.size(), full.story.size());
    for (std::size_t i = 0; i < empty.story.size(); ++i) ASSERT_EQ(empty.story[i], full.story[i]);
    hidden += full.hidden_acts;
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
  EXPECT_GT(hidden, 100);
}

}  // namespace
}  // namespace bimip::testing
