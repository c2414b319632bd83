// Reads the settings: the file, over it the environment, over that the flags.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "frontend/config/settings.h"

namespace bimip::frontend {

struct ConfigFile {
  std::string path;  // as messages call it
  std::string text;
};
// Why it cannot be read, in a sentence.
[[nodiscard]] std::expected<ConfigFile, std::string> read_config_file(const std::string& path);

using NamedValue = std::pair<std::string, std::string>;
struct ConfigInputs {
  std::optional<ConfigFile> file{};
  std::vector<NamedValue> environment{};  // all of it; what does not begin with BIMIP_ is not ours
  std::vector<NamedValue> flags{};        // "--log-format" and its value
};

struct Configuration {
  Settings settings{};
  std::vector<std::string> sources{};   // of each of all_settings(): "default", "FILE:LINE", ...
  std::vector<std::string> warnings{};  // variables that look like settings and are none
};
// All that is wrong, a sentence each with its place: unknown keys, wrong types, values out of
// bounds.
using ConfigFaults = std::vector<std::string>;

[[nodiscard]] std::expected<Configuration, ConfigFaults> configure(const ConfigInputs& inputs);

}  // namespace bimip::frontend
