#include "frontend/identity/strict_json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace bimip::frontend {
namespace {

constexpr int kDepthMax = 8;

}  // namespace

std::optional<nlohmann::json> parse_strict_object(std::string_view text) {
  using Event = nlohmann::json::parse_event_t;
  bool sound = true;
  std::vector<std::set<std::string>> names;  // of the objects that are open
  const auto watch = [&](int depth, Event event, nlohmann::json& parsed) {
    if (depth > kDepthMax) sound = false;
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    if (event == Event::key && !names.back().insert(parsed.get<std::string>()).second)
      sound = false;
    return true;
  };
  nlohmann::json parsed = nlohmann::json::parse(text, watch, false);
  if (!sound || !parsed.is_object()) return std::nullopt;
  return parsed;
}

}  // namespace bimip::frontend
