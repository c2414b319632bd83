// All rules of awareness as one state machine: what devices say, what was heard, what was recorded
// and time in; what viewers are told and what is to be recorded out. Design:
// docs/design/awareness.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/result.h"
#include "frontend/services/awareness/consent.h"
#include "frontend/services/awareness/entity_book.h"
#include "frontend/services/awareness/forward_clock.h"
#include "frontend/services/awareness/privacy.h"
#include "frontend/services/awareness/timetable.h"
#include "frontend/services/awareness/watches.h"
#include "frontend/session/moment.h"

namespace bimip::frontend {

// Why a seat was left.
enum class Leaving : std::uint8_t {
  kSaid,  // the device said that it goes, or was put out: at once
  kLost,  // its connection is gone: it has a while to come back
};

struct AwarenessRules {
  using Time = std::chrono::nanoseconds;
  Time lease{};                  // a device from which nothing was heard is gone
  Time grace{};                  // one that lost its connection
  Time recover_within{};         // one that was there when the server ended
  Time coalesce{};               // of an entity, and to a viewer, at most one change in this time
  std::size_t counts_above = 0;  // contacts
  std::size_t entities_max = 0;
  std::size_t relations_max = 0;
};

// When a seat's peer was last heard.
class HeardAt {
 public:
  virtual ~HeardAt() = default;
  // Zero: the seat is not there any more.
  [[nodiscard]] virtual std::chrono::nanoseconds heard_at(SeatNumber seat) const = 0;
};

// To one viewer's session.
struct Told {
  SeatNumber seat{};
  std::vector<Seen> seen{};
  std::vector<RelationSeen> relations{};
  std::optional<StateCounts> counts{};
  bool is_complete = false;  // all that the watch began with was told by now
};

// A record of an entity's history.
struct Transition {
  std::string eid{};
  engine::Timestamp at{};
  UserState state{};
  std::string text{};
  Audience audience{};  // of the presence, in force from now on
};

// What is kept of an entity that was there.
struct KeptDevice {
  std::string name{};
  UserState state{};
  std::string text{};
  engine::Timestamp since{};
};
struct KeptState {
  Published published{};
  std::vector<KeptDevice> devices{};  // in the order in which they said so
};

// Thread-compatible. Deterministic: the same inputs lead to the same outputs. Nothing of it waits.
// advance() comes before an input, so that what is over is over.
class AwarenessCore {
 public:
  using Time = std::chrono::nanoseconds;
  explicit AwarenessCore(const AwarenessRules& rules) : rules_(rules), watches_(book_) {
    book_.add("");  // kNobody
  }

  // What was recorded before this life.
  [[nodiscard]] engine::Status load_privacy(const std::string& eid, const Privacy& privacy);
  [[nodiscard]] engine::Status load_relation(const std::string& owner, const std::string& other,
                                             const Relation& relation);
  // Once for an entity. Its devices have `recover_within` to come back; those that do not were gone
  // at `ended_at`.
  [[nodiscard]] engine::Status load_state(const std::string& eid, const KeptState& state,
                                          engine::Timestamp ended_at, Moment now);

  // A device. What it says of itself has been checked. kBusy: as many as there may be.
  [[nodiscard]] engine::Result<UserState> announce(const SeatOf& seat, Announcement announcement,
                                                   Moment now);
  void leave(const SeatOf& seat, Leaving leaving, Moment now);
  // Of a device that was announced, else kNotFound. An empty name: none any more.
  [[nodiscard]] engine::Status set_activity(const SeatOf& seat, Activity activity, Time lasts,
                                            Moment now);
  // Nothing: it is not shared any more.
  [[nodiscard]] engine::Status set_position(const SeatOf& seat, std::optional<Position> position,
                                            Time lasts, Moment now);

  // What was recorded.
  void apply_privacy(const std::string& eid, const Privacy& privacy, Moment now);
  void apply_relation(const std::string& owner, const std::string& other, const Relation& relation,
                      Moment now);
  // Before it is recorded: whether there is room. kBusy.
  [[nodiscard]] engine::Status may_know(const std::string& eid) const;
  [[nodiscard]] engine::Status may_relate(const std::string& owner, const std::string& other) const;

  // A session watches its entity's contacts and these others, from now on and instead of what it
  // watched. How many they are.
  struct Watching {
    std::size_t entities = 0;
    bool as_counts = false;
  };
  [[nodiscard]] engine::Result<Watching> watch(SeatNumber seat, const std::string& viewer,
                                               bool contacts,
                                               const std::vector<std::string>& others, Moment now);
  void unwatch(SeatNumber seat);
  // What the watch was told last has arrived.
  void ready(SeatNumber seat, Moment now);

  // Time has passed.
  void advance(Moment now, const HeardAt& heard);
  [[nodiscard]] std::optional<Time> next_due() const { return timetable_.next(); }
  // From now on nobody lapses: the server is going to stop, and its peers will be back.
  void stop_lapsing() { lapses_ = false; }

  // Outputs: since they were last taken.
  [[nodiscard]] std::vector<Told> take_told() { return std::exchange(told_, {}); }
  [[nodiscard]] std::vector<Transition> take_transitions() {
    return std::exchange(transitions_, {});
  }
  // Entities whose kept state has changed; each once, until kept() was asked for it.
  [[nodiscard]] std::vector<EntityNumber> take_stale() { return std::exchange(stale_, {}); }
  [[nodiscard]] KeptState kept(EntityNumber entity);
  // Its kept state was not kept.
  void mark_stale(EntityNumber entity);

  // Looks.
  [[nodiscard]] Seen see(const std::string& viewer, const std::string& owner) const;
  [[nodiscard]] bool may_see_presence(const std::string& viewer, const std::string& owner) const;
  // Also who is blocked: of what was before.
  [[nodiscard]] bool may_look_back(const std::string& viewer, const std::string& owner) const;
  // For decide().
  [[nodiscard]] Standing standing_of(const std::string& eid, Moment now) const;
  [[nodiscard]] Relation relation(const std::string& owner, const std::string& other) const;
  [[nodiscard]] Privacy privacy(const std::string& eid) const;
  [[nodiscard]] RelationSeen relation_seen(const std::string& viewer,
                                           const std::string& other) const;
  // Those with a relation to it, in the order of their names, from behind `after`.
  struct Relations {
    std::vector<RelationSeen> relations{};
    bool has_more = false;
  };
  [[nodiscard]] Relations relations_of(const std::string& eid, const std::string& after,
                                       std::size_t most) const;
  // Who has granted it their presence; the same order.
  [[nodiscard]] std::vector<std::string> contacts_of(const std::string& eid,
                                                     const std::string& after,
                                                     std::size_t most) const;
  [[nodiscard]] std::string name_of(EntityNumber entity) const { return book_[entity].eid; }

  struct Numbers {
    std::uint64_t entities = 0;
    std::uint64_t relations = 0;
    std::uint64_t devices = 0;
    std::uint64_t there = 0;  // entities with a device
    std::uint64_t watches = 0;
    std::uint64_t watched = 0;
    std::uint64_t transitions = 0;  // ever
    std::uint64_t lapses = 0;
    std::uint64_t changes_told = 0;
    std::uint64_t changes_saved = 0;  // by coalescing, or not for the viewer
  };
  [[nodiscard]] const Numbers& numbers();

  // Of everything that decides what it will say. Costs all that is known.
  [[nodiscard]] std::uint64_t state_hash() const;

 private:
  struct Due {
    bool is_watch = false;
    std::uint32_t number = 0;
  };
  static constexpr EntityNumber kNobody{};  // stands for viewers that are not known
  [[nodiscard]] engine::Result<EntityNumber> enter(const std::string& eid);
  [[nodiscard]] Device* find_device(const SeatOf& seat, EntityNumber* entity);
  [[nodiscard]] Sides sides(EntityNumber owner, EntityNumber viewer) const;
  [[nodiscard]] Seen seen_by(EntityNumber viewer, EntityNumber owner) const;
  [[nodiscard]] RelationSeen between(EntityNumber viewer, EntityNumber other) const;

  // Devices, and what is published of them.
  void touch(EntityNumber entity, Moment now);
  [[nodiscard]] Time due_of(const Entity& entity) const;
  [[nodiscard]] Time place_due_of(const Entity& entity) const;
  void publish(EntityNumber entity, Moment now);
  void publish_place(EntityNumber entity, Moment now);
  [[nodiscard]] bool take_over_devices(Entity& entity, Moment now);
  void remove_device(EntityNumber entity, std::size_t device);
  void record(const Entity& entity, engine::Timestamp at);
  void look_at_entity(EntityNumber entity, Moment now, const HeardAt& heard);
  void forget_what_is_over(EntityNumber entity, Moment now, const HeardAt& heard);
  void change_activity(EntityNumber entity, const std::string& to);
  void queue(EntityNumber entity);

  // Viewers.
  struct Visible {
    std::uint8_t aspects = 0;
    std::uint64_t version = 0;
    UserState state = UserState::kOffline;
    engine::Timestamp since{};
    engine::Timestamp last_seen{};
  };
  [[nodiscard]] Visible visible(EntityNumber viewer, EntityNumber owner) const;
  [[nodiscard]] bool looks_other(const Watch& watch, const WatchTarget& target) const;
  void mark_if_other(WatchNumber watch, std::uint32_t target);
  void mark_watchers(EntityNumber entity);
  void mark_viewers(EntityNumber entity, EntityNumber viewer);
  void mark_whisper(EntityNumber entity, EntityNumber viewer);
  void mark_seen_by(EntityNumber viewer);
  void mark_relation(EntityNumber entity, EntityNumber other);
  void set_contact(EntityNumber viewer, EntityNumber contact, bool is_one);
  void drop(WatchNumber number, std::uint32_t target);
  void drop_unwanted(WatchNumber number);
  void tell_marked(Moment now);
  void tell_when_due(WatchNumber number, Moment now);
  void tell(WatchNumber number, Moment now);
  void tell_target(Watch& watch, WatchTarget& target, Told& told);
  void count(Watch& watch, WatchTarget& target, UserState state);

  const AwarenessRules rules_;
  EntityBook book_;
  Watches watches_;
  Timetable<Due> timetable_;
  std::vector<Told> told_;
  std::vector<Transition> transitions_;
  std::vector<EntityNumber> stale_;
  bool lapses_ = true;
  ForwardClock clock_;
  std::uint64_t order_ = 0;
  Numbers numbers_{};
};

}  // namespace bimip::frontend
