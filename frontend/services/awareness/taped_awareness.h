// The core of awareness, and the tape of what it is told. Design: docs/design/replay.md.
#pragma once

#include <string>
#include <vector>

#include "frontend/services/awareness/awareness_core.h"
#include "frontend/session/core_tape_writer.h"

namespace bimip::frontend {

// What changes the core is written before it does, and what it says to it afterwards as a hash.
// Looks are neither. Thread-compatible.
class TapedAwareness final : private AwarenessCore {
 public:
  // Without a tape nothing is written.
  TapedAwareness(const AwarenessRules& rules, CoreTape* tape);

  using AwarenessCore::contacts_of;
  using AwarenessCore::may_know;
  using AwarenessCore::may_look_back;
  using AwarenessCore::may_relate;
  using AwarenessCore::may_see_presence;
  using AwarenessCore::name_of;
  using AwarenessCore::next_due;
  using AwarenessCore::numbers;
  using AwarenessCore::Numbers;
  using AwarenessCore::privacy;
  using AwarenessCore::relation;
  using AwarenessCore::relation_seen;
  using AwarenessCore::Relations;
  using AwarenessCore::relations_of;
  using AwarenessCore::see;
  using AwarenessCore::standing_of;
  using AwarenessCore::state_hash;
  using AwarenessCore::Time;
  using AwarenessCore::Watching;

  // As the core's.
  [[nodiscard]] engine::Status load_privacy(const std::string& eid, const Privacy& privacy);
  [[nodiscard]] engine::Status load_relation(const std::string& owner, const std::string& other,
                                             const Relation& relation);
  [[nodiscard]] engine::Status load_state(const std::string& eid, const KeptState& state,
                                          engine::Timestamp ended_at, Moment now);
  [[nodiscard]] engine::Result<UserState> announce(const SeatOf& seat, Announcement announcement,
                                                   Moment now);
  void leave(const SeatOf& seat, Leaving leaving, Moment now);
  [[nodiscard]] engine::Status set_activity(const SeatOf& seat, Activity activity, Time lasts,
                                            Moment now);
  [[nodiscard]] engine::Status set_position(const SeatOf& seat, std::optional<Position> position,
                                            Time lasts, Moment now);
  void apply_privacy(const std::string& eid, const Privacy& privacy, Moment now);
  void apply_relation(const std::string& owner, const std::string& other, const Relation& relation,
                      Moment now);
  [[nodiscard]] engine::Result<Watching> watch(SeatNumber seat, const std::string& viewer,
                                               bool contacts,
                                               const std::vector<std::string>& others, Moment now);
  void unwatch(SeatNumber seat);
  void ready(SeatNumber seat, Moment now);
  void advance(Moment now, const HeardAt& heard);
  void stop_lapsing();
  [[nodiscard]] std::vector<Told> take_told();
  [[nodiscard]] std::vector<Transition> take_transitions();
  [[nodiscard]] std::vector<EntityNumber> take_stale();
  [[nodiscard]] KeptState kept(EntityNumber entity);

  // The state, and the end of the tape.
  void end_tape() { tape_.end(); }

 private:
  template <typename Value>
  std::vector<Value> taken(TapeEvent event, std::vector<Value> values);

  CoreTapeWriter tape_;
};

}  // namespace bimip::frontend
