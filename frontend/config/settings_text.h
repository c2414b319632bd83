// Settings in words: for messages, for --print-config, for the guide.
#pragma once

#include <string>

#include "frontend/config/configuration.h"
#include "frontend/config/settings.h"

namespace bimip::frontend {

// What its values are: "a duration such as 30s", "text or json".
[[nodiscard]] std::string kind_text(const Setting& setting);
// A count, bytes or milliseconds as its kind writes them.
[[nodiscard]] std::string amount_text(const Setting& setting, std::uint64_t amount);
// "100ms to 1h", "at most 64"; empty: it has none.
[[nodiscard]] std::string bounds_text(const Setting& setting);
// As a configuration file has it, quoted where that is needed.
[[nodiscard]] std::string value_text(const Setting& setting, const Settings& settings);

// A configuration file of all settings as they are, each with where it comes from.
[[nodiscard]] std::string print_configuration(const Configuration& configuration);
// The table of the guide, in Markdown.
[[nodiscard]] std::string settings_table();

}  // namespace bimip::frontend
