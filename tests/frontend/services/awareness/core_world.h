// The core of awareness with a clock that stands still until it is moved.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "frontend/services/awareness/taped_awareness.h"
#include "tests/frontend/tape_in_memory.h"

namespace bimip::testing {

using namespace bimip::frontend;  // NOLINT: tests read better without it
using namespace std::chrono_literals;

inline constexpr AwarenessRules kRules{.lease = 60s,
                                       .grace = 10s,
                                       .recover_within = 30s,
                                       .coalesce = 1s,
                                       .counts_above = 1000,
                                       .entities_max = 1000,
                                       .relations_max = 1000};

// What each core was told is recorded, and replayed when it is over.
class CoreWorld : public HeardAt {
 public:
  explicit CoreWorld(AwarenessRules rules = kRules) : rules_(rules) { begin(); }
  CoreWorld(const CoreWorld&) = delete;
  CoreWorld& operator=(const CoreWorld&) = delete;
  ~CoreWorld() override { end(); }

  TapedAwareness& core() { return *core_; }
  // One that knows nothing.
  void forget() {
    end();
    begin();
  }
  // Ends the tape.
  std::string recorded() {
    core_->end_tape();
    return tape_->bytes();
  }
  std::chrono::nanoseconds passed = 1s;
  engine::Timestamp wall = engine::Timestamp(1'700'000'000s);
  // When the peers of seats were heard last; kAlways: they are there.
  static constexpr std::chrono::nanoseconds kAlways = std::chrono::nanoseconds::max();
  std::map<std::uint64_t, std::chrono::nanoseconds> heard;

  [[nodiscard]] Moment now() const { return {.monotonic = passed, .wall = wall}; }
  void pass(std::chrono::milliseconds time) {
    passed += time;
    wall += time;
    core().advance(now(), *this);
  }
  [[nodiscard]] std::chrono::nanoseconds heard_at(SeatNumber seat) const override {
    const auto found = heard.find(seat.value());
    return found == heard.end() ? 0ns : std::min(found->second, passed);
  }

  SeatOf sit(const std::string& eid, const std::string& device, UserState state,
             const std::string& text = {}) {
    SeatOf seat{.eid = eid, .device = device, .seat = SeatNumber(++last_seat_)};
    heard[last_seat_] = kAlways;
    EXPECT_TRUE(core().announce(seat, {.state = state, .text = text}, now()));
    return seat;
  }
  void fall_silent(const SeatOf& seat) { heard[seat.seat.value()] = passed; }
  void lose(const SeatOf& seat) {
    heard[seat.seat.value()] = passed;
    core().leave(seat, Leaving::kLost, now());
  }
  SeatNumber new_seat() {
    heard[++last_seat_] = kAlways;
    return SeatNumber(last_seat_);
  }
  // As the service does it, but for the log.
  bool act(ConsentAct act, const std::string& actor, const std::string& other) {
    const auto change = decide(
        act, {.given = core().relation(actor, other), .taken = core().relation(other, actor)},
        core().standing_of(actor, now()));
    if (!change) return false;
    if (change->given) relate(actor, other, *change->given);
    if (change->taken) relate(other, actor, *change->taken);
    return true;
  }
  virtual void relate(const std::string& owner, const std::string& other,
                      const Relation& relation) {
    core().apply_relation(owner, other, relation, now());
  }
  void befriend(const std::string& viewer, const std::string& owner) {
    EXPECT_TRUE(act(ConsentAct::kSubscribe, viewer, owner));
    EXPECT_TRUE(act(ConsentAct::kGrant, owner, viewer));
  }
  // Everything told since, each taken as it comes: the newest of each entity by seat.
  struct View {
    std::map<std::string, Seen> seen{};
    std::map<std::string, RelationSeen> relations{};
    StateCounts counts{};
    int stanzas = 0;
    int changes = 0;
    bool is_complete = false;
  };
  std::map<std::uint64_t, View> views;
  virtual void on_told(const Told&) {}
  void hear() {
    for (std::vector<Told> all = core().take_told(); !all.empty(); all = core().take_told()) {
      for (const Told& told : all) {
        on_told(told);
        View& view = views[told.seat.value()];
        ++view.stanzas;
        for (const Seen& seen : told.seen) {
          ++view.changes;
          view.seen[seen.eid] = seen;
        }
        for (const RelationSeen& relation : told.relations) view.relations[relation.eid] = relation;
        if (told.counts) view.counts = *told.counts;
        view.is_complete = view.is_complete || told.is_complete;
        core().ready(told.seat, now());
      }
    }
  }
  View& view_of(SeatNumber seat) {
    hear();
    return views[seat.value()];
  }
  SeatNumber watch(const std::string& viewer, bool contacts,
                   const std::vector<std::string>& others = {}) {
    const SeatNumber seat = new_seat();
    EXPECT_TRUE(core().watch(seat, viewer, contacts, others, now()));
    return seat;
  }

 private:
  void begin() {
    tape_ = std::make_unique<TapeInMemory>(RecordedCore::kAwareness);
    core_ = std::make_unique<TapedAwareness>(rules_, tape_.get());
  }
  void end() { expect_replays(recorded()); }

  const AwarenessRules rules_;
  std::unique_ptr<TapeInMemory> tape_;
  std::unique_ptr<TapedAwareness> core_;
  std::uint64_t last_seat_ = 0;
};

}  // namespace bimip::testing
