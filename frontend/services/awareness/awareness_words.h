// How what awareness is told, and says, lies on a tape.
#pragma once

#include <tuple>

#include "frontend/services/awareness/awareness_core.h"
#include "frontend/session/tape_members.h"

namespace bimip::frontend {

// It is an index.
template <>
struct Word<UserState> {
  static void put(TapeWriter& to, UserState value) { to.number(static_cast<std::uint64_t>(value)); }
  static UserState get(TapeReader& from) {
    const std::uint64_t value = from.number();
    if (value < kUserStates) return static_cast<UserState>(value);
    from.fail();
    return UserState::kUnspecified;
  }
};

template <>
struct Members<AwarenessRules> {
  static auto of(auto& v) {
    return std::tie(v.lease, v.grace, v.recover_within, v.coalesce, v.counts_above, v.entities_max,
                    v.relations_max);
  }
};
template <>
struct Members<SeatOf> {
  static auto of(auto& v) { return std::tie(v.eid, v.device, v.seat); }
};
template <>
struct Members<SystemFacts> {
  static auto of(auto& v) {
    return std::tie(v.battery_percent, v.is_charging, v.network, v.app_version, v.load, v.fields);
  }
};
template <>
struct Members<Announcement> {
  static auto of(auto& v) { return std::tie(v.state, v.text, v.system); }
};
template <>
struct Members<Activity> {
  static auto of(auto& v) { return std::tie(v.name, v.to); }
};
template <>
struct Members<Position> {
  static auto of(auto& v) {
    return std::tie(v.latitude, v.longitude, v.accuracy_m, v.heading_degrees, v.speed_mps);
  }
};
template <>
struct Members<Privacy> {
  static auto of(auto& v) { return std::tie(v.presence, v.last_seen, v.location); }
};
template <>
struct Members<Restricted> {
  static auto of(auto& v) { return std::tie(v.how, v.from, v.until, v.last_seen); }
};
template <>
struct Members<Relation> {
  static auto of(auto& v) {
    return std::tie(v.consent, v.restriction, v.is_mutual, v.granted_at, v.restricted);
  }
};
template <>
struct Members<AudienceSince> {
  static auto of(auto& v) { return std::tie(v.at, v.audience); }
};
template <>
struct Members<Published> {
  static auto of(auto& v) { return std::tie(v.state, v.text, v.since, v.last_seen, v.audiences); }
};
template <>
struct Members<KeptDevice> {
  static auto of(auto& v) { return std::tie(v.name, v.state, v.text, v.since); }
};
template <>
struct Members<KeptState> {
  static auto of(auto& v) { return std::tie(v.published, v.devices); }
};
template <>
struct Members<Transition> {
  static auto of(auto& v) { return std::tie(v.eid, v.at, v.state, v.text, v.audience); }
};
template <>
struct Members<Seen> {
  static auto of(auto& v) {
    return std::tie(v.eid, v.state, v.since, v.last_seen, v.text, v.system, v.position,
                    v.activities);
  }
};
template <>
struct Members<RelationSeen> {
  static auto of(auto& v) { return std::tie(v.eid, v.given, v.taken, v.is_mutual, v.restriction); }
};
template <>
struct Members<Told> {
  static auto of(auto& v) { return std::tie(v.seat, v.seen, v.relations, v.counts, v.is_complete); }
};
template <>
struct Members<AwarenessCore::Watching> {
  static auto of(auto& v) { return std::tie(v.entities, v.as_counts); }
};

}  // namespace bimip::frontend
