#include "tools/bimip/awareness_said.h"

#include <charconv>
#include <functional>
#include <set>
#include <utility>

#include "frontend/config/units.h"
#include "frontend/services/awareness/awareness_checks.h"
#include "frontend/session/awareness_stanzas.h"
#include "frontend/stanza/limits.h"
#include "tools/bimip/awareness_text.h"

namespace bimip::tools {
namespace {

namespace limits = frontend::limits;

using Fault = std::string;  // empty: none

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Fault put_one(const std::string& name, const std::string& value, v1::SystemState& into) {
  if (name == "battery") {
    const auto percent = number_of<std::uint32_t>(value);
    if (!percent || *percent > 100) return "a whole number of percent, 0 to 100";
    into.set_battery_percent(*percent);
  } else if (name == "charging") {
    if (value != "yes" && value != "no") return "yes or no";
    into.set_charging(value == "yes");
  } else if (name == "network") {
    into.set_network(value);
  } else if (name == "version") {
    into.set_app_version(value);
  } else if (name == "load") {
    const auto load = number_of<double>(value);
    if (!load) return "a number: 0.5";
    into.set_load(*load);
  } else {
    into.add_fields()->set_name(name);
    into.mutable_fields()->rbegin()->set_value(value);
  }
  return {};
}

Fault put_system(const std::vector<std::string>& words, v1::SystemState& into) {
  std::set<std::string> names;
  for (const std::string& word : words) {
    const std::size_t at = word.find('=');
    if (at == 0 || at == std::string::npos) return "--system: '" + word + "' is not NAME=VALUE";
    const std::string name = word.substr(0, at);
    if (!names.insert(name).second) return "--system: '" + name + "' is given twice";
    if (const Fault fault = put_one(name, word.substr(at + 1), into); !fault.empty())
      return "--system " + word + ": " + name + " is " + fault;
  }
  const Fault fault = frontend::fault_of(frontend::facts_of(into));
  return fault.empty() ? fault : "--system: " + fault;
}

Fault put_place(const std::string& text, v1::Location& into) {
  std::vector<double> numbers;
  for (std::string_view rest = text;; rest.remove_prefix(rest.find(',') + 1)) {
    const auto number = number_of<double>(rest.substr(0, rest.find(',')));
    if (!number) return "--location: '" + text + "' is not LATITUDE,LONGITUDE[,ACCURACY]";
    numbers.push_back(*number);
    if (!rest.contains(',')) break;
  }
  if (numbers.size() < 2 || numbers.size() > 3)
    return "--location: '" + text + "' is not LATITUDE,LONGITUDE[,ACCURACY]";
  into.set_latitude(numbers[0]);
  into.set_longitude(numbers[1]);
  if (numbers.size() == 3) into.set_accuracy_m(numbers[2]);
  return {};
}

Fault put_location(const SaidFlags& flags, v1::SetLocation& into) {
  v1::Location& location = *into.mutable_location();
  if (Fault fault = put_place(flags.location, location); !fault.empty()) return fault;
  if (!flags.heading.empty()) {
    const auto degrees = number_of<double>(flags.heading);
    if (!degrees) return "--heading: '" + flags.heading + "' is no number of degrees";
    location.set_heading_degrees(*degrees);
  }
  if (!flags.speed.empty()) {
    const auto speed = number_of<double>(flags.speed);
    if (!speed) return "--speed: '" + flags.speed + "' is no number of metres a second";
    location.set_speed_mps(*speed);
  }
  if (!flags.lasts.empty()) {
    const auto lasts = frontend::parse_duration(flags.lasts);
    if (!lasts) return "--location-for: '" + flags.lasts + "' is no duration: 30s, 2h";
    if (*lasts == std::chrono::milliseconds{} || *lasts > limits::kLocationLastsMax)
      return "--location-for: more than 0, at most 24h";
    into.set_lasts_ms(static_cast<std::uint32_t>(lasts->count()));
  }
  const Fault fault = frontend::fault_of(frontend::position_of(location));
  return fault.empty() ? fault : "--location: " + fault;
}

Fault fault_of_pairs(const SaidFlags& flags) {
  const auto needs = [](const std::string& one, const char* its_name, const std::string& other,
                        const char* other_name) {
    return one.empty() || !other.empty() ? Fault()
                                         : std::string(its_name) + " goes with " + other_name;
  };
  for (Fault fault : {needs(flags.lasts, "--location-for", flags.location, "--location"),
                      needs(flags.heading, "--heading", flags.location, "--location"),
                      needs(flags.speed, "--speed", flags.location, "--location"),
                      needs(flags.to, "--to", flags.activity, "--activity")}) {
    if (!fault.empty()) return fault;
  }
  if (flags.state == "offline" && !(flags.location + flags.activity).empty())
    return "offline: who is not there has no --location and no --activity";
  return {};
}

Fault put_state(const SaidFlags& flags, v1::SetAwareness& into) {
  if (!flags.state.empty()) into.set_state(*state_named(flags.state));
  if (!flags.text.empty()) into.set_text(flags.text);
  if (const Fault fault = frontend::fault_of_text(flags.text); !fault.empty())
    return "--text: " + fault;
  return flags.system.empty() ? Fault() : put_system(flags.system, *into.mutable_system());
}

Fault put_activity(const SaidFlags& flags, v1::Activity& into) {
  into.set_name(flags.activity);
  into.set_to(flags.to);
  const Fault fault = frontend::fault_of(frontend::Activity{.name = into.name(), .to = into.to()});
  return fault.empty() ? fault : "--activity: " + fault;
}

}  // namespace

std::expected<Said, std::string> said_of(const SaidFlags& flags) {
  Said said;
  Fault fault = fault_of_pairs(flags);
  if (fault.empty()) fault = put_state(flags, *said.state.mutable_set_awareness());
  if (fault.empty() && !flags.location.empty())
    fault = put_location(flags, *said.location.emplace().mutable_set_location());
  if (fault.empty() && !flags.activity.empty())
    fault =
        put_activity(flags, *said.activity.emplace().mutable_set_activity()->mutable_activity());
  if (!fault.empty()) return std::unexpected(std::move(fault));
  return said;
}

}  // namespace bimip::tools
