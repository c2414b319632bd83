#include "tools/bimip/options.h"

#include <CLI/CLI.hpp>

#include "frontend/config/units.h"

namespace bimip::tools {
namespace {

constexpr std::chrono::milliseconds kPatience{60'000};

}  // namespace

void add_reconnect_for(CLI::App& command, std::string& into) {
  command
      .add_option("--reconnect-for", into,
                  "How long to try without success before giving up: 30s. Else 60s, and not at all "
                  "for the first connection")
      ->check([](const std::string& text) {
        return frontend::parse_duration(text) ? "" : "'" + text + "' is no duration: 30s, 5m";
      });
}

std::chrono::milliseconds patience(const std::string& reconnect_for) {
  return frontend::parse_duration(reconnect_for).value_or(kPatience);
}

std::chrono::milliseconds patience_for_first(const std::string& reconnect_for) {
  return frontend::parse_duration(reconnect_for).value_or(std::chrono::milliseconds(0));
}

std::string not_below_0(const std::string& text) {
  return text.starts_with('-') ? "'" + text + "' is below 0" : "";
}

}  // namespace bimip::tools
