#include "tools/bimip/awareness_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/base/types.h"
#include "tools/log/text.h"

namespace bimip::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::pair<std::string_view, v1::UserState>, 6> kStates{
    {{"online", v1::USER_STATE_ONLINE},
     {"away", v1::USER_STATE_AWAY},
     {"busy", v1::USER_STATE_BUSY},
     {"dnd", v1::USER_STATE_DO_NOT_DISTURB},
     {"invisible", v1::USER_STATE_INVISIBLE},
     {"offline", v1::USER_STATE_OFFLINE}}};
constexpr std::array<std::pair<std::string_view, v1::Audience>, 4> kAudiences{
    {{"everyone", v1::AUDIENCE_EVERYONE},
     {"contacts", v1::AUDIENCE_CONTACTS},
     {"contacts-except", v1::AUDIENCE_CONTACTS_EXCEPT},
     {"nobody", v1::AUDIENCE_NOBODY}}};
constexpr std::array<std::pair<std::string_view, v1::Consent>, 4> kConsents{
    {{"none", v1::CONSENT_NONE},
     {"requested", v1::CONSENT_REQUESTED},
     {"granted", v1::CONSENT_GRANTED},
     {"denied", v1::CONSENT_DENIED}}};
constexpr std::array<std::pair<std::string_view, v1::Restriction>, 3> kRestrictions{
    {{"none", v1::RESTRICTION_NONE},
     {"excepted", v1::RESTRICTION_EXCEPTED},
     {"blocked", v1::RESTRICTION_BLOCKED}}};

template <typename Names, typename Value>
std::string name_of(const Names& names, Value value) {
  const auto* const found = std::ranges::find(names, value, &Names::value_type::second);
  return found == names.end() ? "unknown" : std::string(found->first);
}

template <typename Names>
auto named(const Names& names, std::string_view name)
    -> std::optional<typename Names::value_type::second_type> {
  const auto* const found = std::ranges::find(names, name, &Names::value_type::first);
  if (found == names.end()) return std::nullopt;
  return found->second;
}

template <typename Names>
std::string check(const Names& names, const std::string& text) {
  if (named(names, text)) return {};
  std::string all;
  for (const auto& [name, value] : names) all += (all.empty() ? "" : ", ") + std::string(name);
  return "'" + text + "' is none of " + all;
}

std::string time_of(std::int64_t micros) {
  return log_tools::time_text(engine::Timestamp(std::chrono::microseconds(micros)));
}

std::string escaped(std::string_view text) { return log_tools::escaped(engine::as_bytes(text)); }

Json json_of(const v1::SystemState& system) {
  Json json = Json::object();
  if (system.has_battery_percent()) json["battery_percent"] = system.battery_percent();
  if (system.has_charging()) json["charging"] = system.charging();
  if (!system.network().empty()) json["network"] = system.network();
  if (!system.app_version().empty()) json["app_version"] = system.app_version();
  if (system.has_load()) json["load"] = system.load();
  for (const v1::SystemField& field : system.fields()) json["fields"][field.name()] = field.value();
  return json;
}

Json json_of(const v1::Location& location) {
  Json json{{"latitude", location.latitude()}, {"longitude", location.longitude()}};
  if (location.has_accuracy_m()) json["accuracy_m"] = location.accuracy_m();
  if (location.has_heading_degrees()) json["heading_degrees"] = location.heading_degrees();
  if (location.has_speed_mps()) json["speed_mps"] = location.speed_mps();
  return json;
}

Json json_of(const v1::AwarenessView& view) {
  Json json{{"eid", view.eid()}, {"state", name_of(kStates, view.state())}};
  if (view.since_us() != 0) json["since"] = time_of(view.since_us());
  if (view.last_seen_us() != 0) json["last_seen"] = time_of(view.last_seen_us());
  if (!view.text().empty()) json["text"] = view.text();
  if (view.has_system()) json["system"] = json_of(view.system());
  if (view.has_location()) json["location"] = json_of(view.location());
  for (const v1::Activity& activity : view.activities()) {
    Json one{{"name", activity.name()}};
    if (!activity.to().empty()) one["to"] = activity.to();
    json["activities"].push_back(std::move(one));
  }
  return json;
}

Json json_of(const v1::AwarenessRelation& relation) {
  return {{"eid", relation.eid()},
          {"given", name_of(kConsents, relation.given())},
          {"taken", name_of(kConsents, relation.taken())},
          {"mutual", relation.mutual()},
          {"restriction", name_of(kRestrictions, relation.restriction())}};
}

Json json_of(const v1::AwarenessTransition& transition) {
  Json json{{"at", time_of(transition.at_us())}, {"state", name_of(kStates, transition.state())}};
  if (!transition.text().empty()) json["text"] = transition.text();
  return json;
}

Json json_of(const v1::AwarenessCounts& counts) {
  return {{"online", counts.online()},
          {"away", counts.away()},
          {"busy", counts.busy()},
          {"dnd", counts.do_not_disturb()},
          {"offline", counts.offline()}};
}

std::string text_of(const v1::AwarenessView& view) {
  std::string line = escaped(view.eid()) + "\t" + name_of(kStates, view.state());
  if (!view.text().empty()) line += "\t" + escaped(view.text());
  if (view.last_seen_us() != 0) line += "\tlast seen " + time_of(view.last_seen_us());
  for (const v1::Activity& activity : view.activities()) line += "\t" + activity.name();
  if (view.has_location()) line += "\tat " + json_of(view.location()).dump();
  if (view.has_system()) line += "\t" + json_of(view.system()).dump();
  return line;
}

std::string text_of(const v1::AwarenessRelation& relation) {
  std::string line = escaped(relation.eid());
  if (relation.taken() != v1::CONSENT_NONE)
    line += "\tsubscribed: " + name_of(kConsents, relation.taken());
  if (relation.given() != v1::CONSENT_NONE)
    line += "\tsubscriber: " + name_of(kConsents, relation.given());
  if (relation.mutual()) line += "\tmutual";
  if (relation.restriction() != v1::RESTRICTION_NONE)
    line += "\t" + name_of(kRestrictions, relation.restriction());
  return line;
}

std::string text_of(const v1::AwarenessTransition& transition) {
  std::string line = time_of(transition.at_us()) + "\t" + name_of(kStates, transition.state());
  if (!transition.text().empty()) line += "\t" + escaped(transition.text());
  return line;
}

std::string text_of(const v1::AwarenessCounts& counts) { return json_of(counts).dump(); }

template <typename Message>
std::string line_of(const Message& message, Form form) {
  return (form == Form::kJson ? json_of(message).dump() : text_of(message)) + "\n";
}

template <typename Messages>
std::string lines_of(const Messages& messages, Form form) {
  std::string lines;
  for (const auto& message : messages) lines += line_of(message, form);
  return lines;
}

std::string privacy_text(const v1::AwarenessPrivacy& privacy, Form form) {
  const Json json{{"presence", name_of(kAudiences, privacy.presence())},
                  {"last_seen", name_of(kAudiences, privacy.last_seen())},
                  {"location", name_of(kAudiences, privacy.location())}};
  if (form == Form::kJson) return json.dump() + "\n";
  std::string lines;
  for (const auto& [name, value] : json.items())
    lines += name + "\t" + value.get<std::string>() + "\n";
  return lines;
}

}  // namespace

std::optional<v1::UserState> state_named(std::string_view name) { return named(kStates, name); }
std::optional<v1::Audience> audience_named(std::string_view name) {
  return named(kAudiences, name);
}

std::optional<std::int64_t> time_named(const std::string& text) {
  const auto time = log_tools::parse_time(text);
  if (!time) return std::nullopt;
  return time->time_since_epoch().count();
}

std::string state_check(const std::string& text) { return check(kStates, text); }
std::string audience_check(const std::string& text) { return check(kAudiences, text); }
std::string time_check(const std::string& text) {
  return time_named(text) ? "" : "'" + text + "' is no time: 2026-01-01T14:03:00Z";
}
std::string awareness_text(const v1::Stanza& answer, Form form) {
  switch (answer.body_case()) {
    case v1::Stanza::kAwarenessSet: {
      const std::string state = name_of(kStates, answer.awareness_set().state());
      return form == Form::kJson ? Json{{"state", state}}.dump() + "\n" : state + "\n";
    }
    case v1::Stanza::kAwarenessRelation:
      return line_of(answer.awareness_relation(), form);
    case v1::Stanza::kAwarenessRelations:
      return lines_of(answer.awareness_relations().relations(), form);
    case v1::Stanza::kAwarenessPrivacy:
      return privacy_text(answer.awareness_privacy(), form);
    case v1::Stanza::kAwarenessViews:
      return lines_of(answer.awareness_views().views(), form);
    case v1::Stanza::kAwarenessHistory:
      return lines_of(answer.awareness_history().transitions(), form);
    case v1::Stanza::kAwarenessMoment:
      return lines_of(answer.awareness_moment().views(), form);
    default:
      return {};
  }
}

std::vector<std::string> awareness_lines(const v1::AwarenessChanged& changed, Form form) {
  std::vector<std::string> lines;
  for (const v1::AwarenessView& view : changed.views()) lines.push_back(line_of(view, form));
  for (const v1::AwarenessRelation& relation : changed.relations())
    lines.push_back(line_of(relation, form));
  if (changed.has_counts()) lines.push_back(line_of(changed.counts(), form));
  return lines;
}

}  // namespace bimip::tools
