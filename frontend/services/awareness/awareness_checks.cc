#include "frontend/services/awareness/awareness_checks.h"

#include <algorithm>
#include <cmath>

#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

constexpr double kLatitudeMax = 90;
constexpr double kLongitudeMax = 180;
constexpr double kHeadingEnd = 360;

// A comparison with NaN is false, so it lies in no range.
bool is_within(double value, double least, double most) { return value >= least && value <= most; }

bool is_word(std::string_view name) {
  return !name.empty() && name.size() <= limits::kActivityBytesMax &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-';
         });
}

std::string at_most(std::string_view field, std::size_t bytes) {
  return std::string(field) + ": at most " + std::to_string(bytes) + " bytes";
}

std::string fault_of_fields(const SystemFacts& facts) {
  if (facts.fields.size() > limits::kSystemFieldsMax)
    return "system.fields: at most " + std::to_string(limits::kSystemFieldsMax);
  for (const auto& [name, value] : facts.fields) {
    if (name.empty() || name.size() > limits::kSystemFieldBytesMax ||
        value.size() > limits::kSystemFieldBytesMax) {
      return "system.fields: a name has 1 to " + std::to_string(limits::kSystemFieldBytesMax) +
             " bytes, a value at most as many";
    }
  }
  return {};
}

}  // namespace

std::string fault_of(const Position& position) {
  if (!is_within(position.latitude, -kLatitudeMax, kLatitudeMax))
    return "location.latitude: -90 to 90 degrees";
  if (!is_within(position.longitude, -kLongitudeMax, kLongitudeMax))
    return "location.longitude: -180 to 180 degrees";
  if (position.accuracy_m && !is_within(*position.accuracy_m, 0, limits::kAccuracyMax))
    return "location.accuracy_m: 0 to 20,037,508 metres";
  if (position.heading_degrees && !(is_within(*position.heading_degrees, 0, kHeadingEnd) &&
                                    *position.heading_degrees < kHeadingEnd)) {
    return "location.heading_degrees: 0 to below 360";
  }
  if (position.speed_mps && !is_within(*position.speed_mps, 0, limits::kSpeedMax))
    return "location.speed_mps: 0 to 100,000 metres a second";
  return {};
}

std::string fault_of(const SystemFacts& facts) {
  if (facts.battery_percent && *facts.battery_percent > 100)
    return "system.battery_percent: 0 to 100";
  if (facts.load && !is_within(*facts.load, 0, limits::kLoadMax))
    return "system.load: 0 to 1,000,000";
  if (facts.network.size() > limits::kSystemFieldBytesMax)
    return at_most("system.network", limits::kSystemFieldBytesMax);
  if (facts.app_version.size() > limits::kSystemFieldBytesMax)
    return at_most("system.app_version", limits::kSystemFieldBytesMax);
  return fault_of_fields(facts);
}

std::string fault_of(const Activity& activity) {
  if (!is_word(activity.name)) return "name: 1 to 32 letters, digits and hyphens";
  if (!activity.to.empty()) return fault_of_eid(activity.to);
  return {};
}

std::string fault_of_text(std::string_view text) {
  return text.size() > limits::kAwarenessTextBytesMax
             ? at_most("text", limits::kAwarenessTextBytesMax)
             : std::string();
}

std::string fault_of_eid(std::string_view eid) {
  if (eid.empty() || eid.size() > limits::kEidBytesMax) return "an eid has 1 to 256 bytes";
  if (eid.contains('\0')) return "an eid has no zero byte";
  return {};
}

}  // namespace bimip::frontend
