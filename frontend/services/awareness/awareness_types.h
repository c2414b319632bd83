// The words of awareness: what an entity is, and what it lets others know of it.
// Design: docs/design/awareness.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/types.h"

namespace bimip::frontend {

// The numbers of bimip.v1.UserState.
enum class UserState : std::uint8_t {
  kUnspecified = 0,
  kOnline = 1,
  kAway = 2,
  kBusy = 3,
  kDoNotDisturb = 4,
  kInvisible = 5,  // there, and to everybody else as if it were not
  kOffline = 6,
};
inline constexpr std::size_t kUserStates = 7;

// Of bimip.v1.Audience.
enum class Audience : std::uint8_t {
  kUnspecified = 0,
  kEveryone = 1,
  kContacts = 2,        // those that were granted it
  kContactsExcept = 3,  // and are not excepted
  kNobody = 4,
};

// Of bimip.v1.Consent.
enum class Consent : std::uint8_t { kNone = 1, kRequested = 2, kGranted = 3, kDenied = 4 };
// Of bimip.v1.Restriction.
enum class Restriction : std::uint8_t { kNone = 1, kExcepted = 2, kBlocked = 3 };

// A while in which an entity kept itself from one other.
struct Restricted {
  Restriction how = Restriction::kBlocked;
  engine::Timestamp from{};       // of a block: when it would have gone, had it gone then
  engine::Timestamp until{};      // zero: it goes on
  engine::Timestamp last_seen{};  // of a block: what the other is told from then on
  friend bool operator==(const Restricted&, const Restricted&) = default;
};

// What an entity lets one other know. A plain value.
struct Relation {
  Consent consent = Consent::kNone;
  Restriction restriction = Restriction::kNone;
  bool is_mutual = false;          // the request offers the same in return
  engine::Timestamp granted_at{};  // of kGranted
  std::vector<Restricted> restricted{};
  friend bool operator==(const Relation&, const Relation&) = default;
};

// Who may know what of an entity.
struct Privacy {
  Audience presence = Audience::kContacts;
  Audience last_seen = Audience::kContacts;
  Audience location = Audience::kNobody;
  friend bool operator==(const Privacy&, const Privacy&) = default;
};

// From when on an audience was in force.
struct AudienceSince {
  engine::Timestamp at{};
  Audience audience{};
  friend bool operator==(const AudienceSince&, const AudienceSince&) = default;
};

struct SystemFacts {
  std::optional<std::uint32_t> battery_percent{};
  std::optional<bool> is_charging{};
  std::string network{};
  std::string app_version{};
  std::optional<double> load{};  // 1: one processor's worth
  std::vector<std::pair<std::string, std::string>> fields{};
  friend bool operator==(const SystemFacts&, const SystemFacts&) = default;
};

struct Position {
  double latitude = 0;
  double longitude = 0;
  std::optional<double> accuracy_m{};
  std::optional<double> heading_degrees{};
  std::optional<double> speed_mps{};
  friend bool operator==(const Position&, const Position&) = default;
};

struct Activity {
  std::string name{};
  std::string to{};  // only this entity is told; empty: whoever may see the presence
  friend bool operator==(const Activity&, const Activity&) = default;
};

// What a device says of itself. kUnspecified: as it was, and kOnline when it was not there.
struct Announcement {
  UserState state = UserState::kUnspecified;
  std::optional<std::string> text{};
  std::optional<SystemFacts> system{};
};

// A session's seat; none is ever used twice in a node's life.
using SeatNumber = engine::Number<struct SeatNumberTag>;
// An entity's place in the table of those that are known.
using EntityNumber = engine::Number<struct EntityNumberTag, std::uint32_t>;

struct SeatOf {
  std::string eid{};
  std::string device{};
  SeatNumber seat{};
};

// What one entity sees of another. What it may not see is as if it were not.
struct Seen {
  std::string eid{};
  UserState state = UserState::kOffline;
  engine::Timestamp since{};      // zero: not told
  engine::Timestamp last_seen{};  // zero: not told
  std::string text{};
  std::optional<SystemFacts> system{};
  std::optional<Position> position{};
  std::vector<Activity> activities{};
  friend bool operator==(const Seen&, const Seen&) = default;
};

// Of two entities, as one of them sees it.
struct RelationSeen {
  std::string eid{};
  Consent given = Consent::kNone;  // by it, to the other
  Consent taken = Consent::kNone;  // by the other, to it
  bool is_mutual = false;          // of a request
  Restriction restriction = Restriction::kNone;
  friend bool operator==(const RelationSeen&, const RelationSeen&) = default;
};

}  // namespace bimip::frontend
