// How what awareness is told, and says, lies on a tape.
#pragma once

#include <array>
#include <bit>
#include <tuple>
#include <utility>

#include "frontend/services/awareness/awareness_core.h"
#include "frontend/session/tape_codec.h"

namespace bimip::frontend {

// The members of a plain value, in the order in which they lie on a tape.
template <typename T>
struct Members;

template <typename T>
concept HasMembers = requires(T& value) { Members<T>::of(value); };

template <HasMembers T>
struct Word<T> {
  static void put(TapeWriter& to, const T& value) {
    std::apply([&](const auto&... members) { (frontend::put(to, members), ...); },
               Members<T>::of(value));
  }
  static T get(TapeReader& from) {
    T value{};
    std::apply(
        [&](auto&... members) {
          ((members = frontend::get<std::remove_reference_t<decltype(members)>>(from)), ...);
        },
        Members<T>::of(value));
    return value;
  }
};

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
struct Word<double> {
  static void put(TapeWriter& to, double value) { to.fixed(std::bit_cast<std::uint64_t>(value)); }
  static double get(TapeReader& from) { return std::bit_cast<double>(from.fixed()); }
};
template <typename A, typename B>
struct Word<std::pair<A, B>> {
  static void put(TapeWriter& to, const std::pair<A, B>& value) {
    frontend::put(to, value.first);
    frontend::put(to, value.second);
  }
  static std::pair<A, B> get(TapeReader& from) {
    A first = frontend::get<A>(from);
    return {std::move(first), frontend::get<B>(from)};
  }
};
template <typename T, std::size_t N>
struct Word<std::array<T, N>> {
  static void put(TapeWriter& to, const std::array<T, N>& values) {
    for (const T& value : values) frontend::put(to, value);
  }
  static std::array<T, N> get(TapeReader& from) {
    std::array<T, N> values{};
    for (T& value : values) value = frontend::get<T>(from);
    return values;
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
struct Members<Relation> {
  static auto of(auto& v) {
    return std::tie(v.consent, v.restriction, v.is_mutual, v.granted_at, v.admitted_at);
  }
};
template <>
struct Members<Published> {
  static auto of(auto& v) { return std::tie(v.state, v.text, v.since, v.last_seen); }
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
