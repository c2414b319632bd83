#include "frontend/services/awareness/records.h"

#include "bimip/v1/awareness.pb.h"

namespace bimip::frontend {
namespace {

engine::Timestamp time_of(std::int64_t micros) {
  return engine::Timestamp(std::chrono::microseconds(micros));
}

// A number that this program does not know is none.
UserState state_of(v1::UserState state) {
  return v1::UserState_IsValid(state) ? static_cast<UserState>(state) : UserState::kOffline;
}

Audience audience_of(v1::Audience audience) {
  return v1::Audience_IsValid(audience) ? static_cast<Audience>(audience) : Audience::kNobody;
}

Restriction restriction_of(v1::Restriction restriction) {
  return v1::Restriction_IsValid(restriction) ? static_cast<Restriction>(restriction)
                                              : Restriction::kBlocked;
}

template <typename Record>
bool parse(Record& record, engine::Bytes value) {
  return record.ParseFromArray(value.data(), static_cast<int>(value.size()));
}

}  // namespace

std::string encode(const Transition& transition) {
  v1::AwarenessRecord record;
  record.set_at_us(micros(transition.at));
  record.set_state(static_cast<v1::UserState>(transition.state));
  record.set_text(transition.text);
  record.set_audience(static_cast<v1::Audience>(transition.audience));
  return record.SerializeAsString();
}

std::optional<Transition> decode_transition(engine::Bytes value) {
  v1::AwarenessRecord record;
  if (!parse(record, value) || record.at_us() == 0) return std::nullopt;
  return Transition{.at = time_of(record.at_us()),
                    .state = state_of(record.state()),
                    .text = record.text(),
                    .audience = audience_of(record.audience())};
}

std::string encode(const StateRecord& record) {
  v1::AwarenessState stored;
  stored.set_eid(record.eid);
  stored.set_state(static_cast<v1::UserState>(record.state.published.state));
  stored.set_text(record.state.published.text);
  stored.set_since_us(micros(record.state.published.since));
  stored.set_last_seen_us(micros(record.state.published.last_seen));
  stored.set_alive_at_us(micros(record.alive_at));
  for (const AudienceSince& one : record.state.published.audiences) {
    v1::AwarenessAudience& kept = *stored.add_audiences();
    kept.set_since_us(micros(one.at));
    kept.set_audience(static_cast<v1::Audience>(one.audience));
  }
  for (const KeptDevice& device : record.state.devices) {
    v1::AwarenessDevice& kept = *stored.add_devices();
    kept.set_name(device.name);
    kept.set_state(static_cast<v1::UserState>(device.state));
    kept.set_text(device.text);
    kept.set_since_us(micros(device.since));
  }
  return stored.SerializeAsString();
}

std::optional<StateRecord> decode_state(engine::Bytes value) {
  v1::AwarenessState stored;
  if (!parse(stored, value)) return std::nullopt;
  StateRecord record{.eid = stored.eid(),
                     .state = {.published = {.state = state_of(stored.state()),
                                             .text = stored.text(),
                                             .since = time_of(stored.since_us()),
                                             .last_seen = time_of(stored.last_seen_us())}},
                     .alive_at = time_of(stored.alive_at_us())};
  for (const v1::AwarenessAudience& one : stored.audiences()) {
    record.state.published.audiences.push_back(
        {.at = time_of(one.since_us()), .audience = audience_of(one.audience())});
  }
  for (const v1::AwarenessDevice& device : stored.devices()) {
    record.state.devices.push_back({.name = device.name(),
                                    .state = state_of(device.state()),
                                    .text = device.text(),
                                    .since = time_of(device.since_us())});
  }
  return record;
}

std::string encode(const RuleRecord& record) {
  v1::AwarenessRule rule;
  rule.set_eid(record.eid);
  rule.set_other(record.other);
  if (record.other.empty()) {
    v1::AwarenessPrivacy& privacy = *rule.mutable_privacy();
    privacy.set_presence(static_cast<v1::Audience>(record.privacy.presence));
    privacy.set_last_seen(static_cast<v1::Audience>(record.privacy.last_seen));
    privacy.set_location(static_cast<v1::Audience>(record.privacy.location));
    return rule.SerializeAsString();
  }
  rule.set_consent(static_cast<v1::Consent>(record.relation.consent));
  rule.set_restriction(static_cast<v1::Restriction>(record.relation.restriction));
  rule.set_mutual(record.relation.is_mutual);
  rule.set_granted_at_us(micros(record.relation.granted_at));
  for (const Restricted& one : record.relation.restricted) {
    v1::AwarenessRestricted& kept = *rule.add_restricted();
    kept.set_restriction(static_cast<v1::Restriction>(one.how));
    kept.set_from_us(micros(one.from));
    kept.set_until_us(micros(one.until));
    kept.set_last_seen_us(micros(one.last_seen));
  }
  return rule.SerializeAsString();
}

// What is not known is taken for what shows least.
std::optional<RuleRecord> decode_rule(engine::Bytes value) {
  v1::AwarenessRule rule;
  if (!parse(rule, value) || rule.eid().empty()) return std::nullopt;
  RuleRecord record{.eid = rule.eid(), .other = rule.other()};
  if (record.other.empty()) {
    record.privacy = {.presence = audience_of(rule.privacy().presence()),
                      .last_seen = audience_of(rule.privacy().last_seen()),
                      .location = audience_of(rule.privacy().location())};
    return record;
  }
  record.relation = {.consent = v1::Consent_IsValid(rule.consent())
                                    ? static_cast<Consent>(rule.consent())
                                    : Consent::kNone,
                     .restriction = restriction_of(rule.restriction()),
                     .is_mutual = rule.mutual(),
                     .granted_at = time_of(rule.granted_at_us())};
  for (const v1::AwarenessRestricted& one : rule.restricted()) {
    record.relation.restricted.push_back({.how = restriction_of(one.restriction()),
                                          .from = time_of(one.from_us()),
                                          .until = time_of(one.until_us()),
                                          .last_seen = time_of(one.last_seen_us())});
  }
  return record;
}

std::string state_key(const std::string& eid) {
  return eid.empty() ? std::string("\0alive", 6) : eid;
}

std::string rule_key(const RuleRecord& record) {
  if (record.other.empty()) return "p" + record.eid;
  return "r" + record.eid + std::string(1, '\0') + record.other;
}

}  // namespace bimip::frontend
