// The entities that are known, and what they let each other know.
#pragma once

#include <chrono>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "frontend/services/awareness/awareness_types.h"

namespace bimip::frontend {

// A session's watch in its list.
using WatchNumber = engine::Number<struct WatchNumberTag, std::uint32_t>;

struct Device {
  using Time = std::chrono::nanoseconds;
  struct HeldActivity {
    Activity activity{};
    Time until{};
  };
  // What is never stored.
  struct Fleeting {
    std::optional<SystemFacts> system{};
    std::uint64_t system_order = 0;
    std::optional<Position> position{};
    std::uint64_t position_order = 0;
    Time position_until{};
    std::vector<HeldActivity> activities{};
  };
  std::string name{};
  SeatNumber seat{};  // 0: nobody, it has until `due` to come back
  UserState state = UserState::kOnline;
  std::string text{};
  engine::Timestamp since{};  // it said so
  // Of what was said, by whichever device: the wall clock may go back.
  std::uint64_t order = 0;
  engine::Timestamp alive_at{};  // while nobody has the seat: when it was last there
  Time due{};                    // gone by then, unless something was heard
  std::unique_ptr<Fleeting> fleeting{};
};

// What others are shown of it: follows the devices at most once in a coalescing time.
struct Published {
  UserState state = UserState::kOffline;
  std::string text{};
  engine::Timestamp since{};
  engine::Timestamp last_seen{};  // when it was last not offline to others
  // Of the presence, during this state: who is shown it is told since when it has been for him.
  std::vector<AudienceSince> audiences{};
};

struct Entity {
  using Time = std::chrono::nanoseconds;
  static constexpr Time kNever = Time::max();
  struct HeldRelation {
    EntityNumber other{};
    Relation relation{};
  };
  // A place in a watch's list of targets.
  struct Watcher {
    WatchNumber watch{};
    std::uint32_t target = 0;
  };
  std::string eid{};
  Privacy privacy{};
  Published published{};
  std::vector<Device> devices{};
  std::vector<HeldRelation> relations{};  // what it lets others know; by `other`
  std::vector<EntityNumber> related{};    // who has a relation to it; ordered
  std::vector<Watcher> watchers{};
  std::vector<WatchNumber> watches{};
  // Changes since it was last published, by what they are about.
  bool is_dirty = false;  // its devices, or what they say
  bool kept_changed = false;
  bool details_changed = false;
  bool activity_changed = false;
  bool place_changed = false;
  bool is_stale = false;  // its record is
  // When it was last published; and when so that others might see it: what is hidden from them must
  // not keep them waiting for what is not.
  Time published_at = Time::min();
  Time shown_at = Time::min();
  Time place_shown_at = Time::min();
  Time queued = kNever;         // its first entry in the timetable
  engine::Timestamp gone_at{};  // its last device
  std::uint32_t presence_version = 0;
  std::uint32_t place_version = 0;
  std::uint32_t activity_version = 0;
};

// Of which nothing is known but its name.
[[nodiscard]] bool is_stranger(const Entity& entity);

// Thread-compatible.
class EntityBook {
 public:
  [[nodiscard]] std::optional<EntityNumber> find(std::string_view eid) const;
  EntityNumber add(const std::string& eid);
  [[nodiscard]] Entity& operator[](EntityNumber number) { return entities_[number.value()]; }
  [[nodiscard]] const Entity& operator[](EntityNumber number) const {
    return entities_[number.value()];
  }
  [[nodiscard]] std::size_t size() const { return by_eid_.size(); }
  // Those that are in use and those that are free: numbers are below it.
  [[nodiscard]] std::size_t places() const { return entities_.size(); }
  // A stranger's place is given to the next who comes; others stay.
  void forget_stranger(EntityNumber number);

  // What the owner lets the other know; that of strangers, if nothing was ever said.
  [[nodiscard]] const Relation& relation(EntityNumber owner, EntityNumber other) const;
  // One that is as that of strangers takes no room.
  void set_relation(EntityNumber owner, EntityNumber other, const Relation& relation);
  [[nodiscard]] std::size_t relations() const { return relations_; }

 private:
  std::deque<Entity> entities_;
  std::vector<EntityNumber> free_;
  std::unordered_map<std::string_view, EntityNumber> by_eid_;  // views of the entities' own
  std::size_t relations_ = 0;
};

}  // namespace bimip::frontend
