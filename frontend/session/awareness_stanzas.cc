#include "frontend/session/awareness_stanzas.h"

namespace bimip::frontend {
namespace {

void describe(const SystemFacts& facts, v1::SystemState& into) {
  if (facts.battery_percent) into.set_battery_percent(*facts.battery_percent);
  if (facts.is_charging) into.set_charging(*facts.is_charging);
  into.set_network(facts.network);
  into.set_app_version(facts.app_version);
  if (facts.load) into.set_load(*facts.load);
  for (const auto& [name, value] : facts.fields) {
    v1::SystemField& field = *into.add_fields();
    field.set_name(name);
    field.set_value(value);
  }
}

void describe(const Position& position, v1::Location& into) {
  into.set_latitude(position.latitude);
  into.set_longitude(position.longitude);
  if (position.accuracy_m) into.set_accuracy_m(*position.accuracy_m);
  if (position.heading_degrees) into.set_heading_degrees(*position.heading_degrees);
  if (position.speed_mps) into.set_speed_mps(*position.speed_mps);
}

}  // namespace

void describe(const Seen& seen, v1::AwarenessView& into) {
  into.set_eid(seen.eid);
  into.set_state(static_cast<v1::UserState>(seen.state));
  into.set_since_us(micros(seen.since));
  into.set_last_seen_us(micros(seen.last_seen));
  into.set_text(seen.text);
  if (seen.system) describe(*seen.system, *into.mutable_system());
  if (seen.position) describe(*seen.position, *into.mutable_location());
  for (const Activity& activity : seen.activities) {
    v1::Activity& told = *into.add_activities();
    told.set_name(activity.name);
    told.set_to(activity.to);
  }
}

void describe(const RelationSeen& relation, v1::AwarenessRelation& into) {
  into.set_eid(relation.eid);
  into.set_given(static_cast<v1::Consent>(relation.given));
  into.set_taken(static_cast<v1::Consent>(relation.taken));
  into.set_mutual(relation.is_mutual);
  into.set_restriction(static_cast<v1::Restriction>(relation.restriction));
}

void describe(const StateCounts& counts, v1::AwarenessCounts& into) {
  const auto of = [&](UserState state) { return counts[static_cast<std::size_t>(state)]; };
  into.set_online(of(UserState::kOnline));
  into.set_away(of(UserState::kAway));
  into.set_busy(of(UserState::kBusy));
  into.set_do_not_disturb(of(UserState::kDoNotDisturb));
  into.set_offline(of(UserState::kOffline));
}

void describe(const Privacy& privacy, v1::AwarenessPrivacy& into) {
  into.set_presence(static_cast<v1::Audience>(privacy.presence));
  into.set_last_seen(static_cast<v1::Audience>(privacy.last_seen));
  into.set_location(static_cast<v1::Audience>(privacy.location));
}

void describe(const Transition& transition, v1::AwarenessTransition& into) {
  into.set_at_us(micros(transition.at));
  into.set_state(static_cast<v1::UserState>(transition.state));
  into.set_text(transition.text);
}

SystemFacts facts_of(const v1::SystemState& system) {
  SystemFacts facts{.network = system.network(), .app_version = system.app_version()};
  if (system.has_battery_percent()) facts.battery_percent = system.battery_percent();
  if (system.has_charging()) facts.is_charging = system.charging();
  if (system.has_load()) facts.load = system.load();
  for (const v1::SystemField& field : system.fields())
    facts.fields.emplace_back(field.name(), field.value());
  return facts;
}

Position position_of(const v1::Location& location) {
  Position position{.latitude = location.latitude(), .longitude = location.longitude()};
  if (location.has_accuracy_m()) position.accuracy_m = location.accuracy_m();
  if (location.has_heading_degrees()) position.heading_degrees = location.heading_degrees();
  if (location.has_speed_mps()) position.speed_mps = location.speed_mps();
  return position;
}

}  // namespace bimip::frontend
