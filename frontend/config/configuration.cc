#include "frontend/config/configuration.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "frontend/config/endpoint.h"
#include "frontend/config/settings_text.h"
#include "frontend/config/units.h"

namespace bimip::frontend {
namespace {

// Variables of this name's kind that belong to the tool and the scripts.
constexpr auto kOtherVariables = std::to_array<std::string_view>(
    {"BIMIP_CONFIG", "BIMIP_SERVER", "BIMIP_TOKEN", "BIMIP_CACHE_DIR"});

using Fault = std::optional<std::string>;  // what is wrong with a value; nothing: it was taken

Fault check_bounds(const Setting& setting, std::uint64_t amount) {
  if (amount >= setting.least && amount <= setting.most) return {};
  return "is " + bounds_text(setting);
}

Fault put_amount(const Setting& setting, Settings& into, std::optional<std::uint64_t> amount) {
  if (!amount) return "is " + std::string(kind_text(setting));
  if (Fault fault = check_bounds(setting, *amount)) return fault;
  if (const auto* at = std::get_if<std::chrono::milliseconds& (*)(Settings&)>(&setting.place)) {
    (*at)(into) = std::chrono::milliseconds(static_cast<std::int64_t>(*amount));
  } else {
    std::get<std::uint64_t& (*)(Settings&)>(setting.place)(into) = *amount;
  }
  return {};
}

Fault put_text(const Setting& setting, Settings& into, const std::string& text) {
  const bool known = setting.kind != SettingKind::kWord ||
                     std::ranges::find(setting.words, text) != setting.words.end();
  const auto place = std::get<std::string& (*)(Settings&)>(setting.place);
  Settings defaults;
  const bool may_be_empty = place(defaults).empty();
  const bool sound = setting.kind != SettingKind::kEndpoint || (text.empty() && may_be_empty) ||
                     parse_listen_endpoint(text);
  if (!known || !sound) return "is " + kind_text(setting);
  place(into) = text;
  return {};
}

std::optional<std::uint64_t> parse_amount(const Setting& setting, std::string_view text) {
  if (setting.kind == SettingKind::kCount) return parse_count(text);
  if (setting.kind == SettingKind::kBytes) return parse_bytes(text);
  const auto duration = parse_duration(text);
  if (!duration) return std::nullopt;
  return static_cast<std::uint64_t>(duration->count());
}

// From a variable or a flag, where everything is text.
Fault put_words(const Setting& setting, Settings& into, const std::string& text) {
  switch (setting.kind) {
    case SettingKind::kText:
    case SettingKind::kEndpoint:
    case SettingKind::kWord:
      return put_text(setting, into, text);
    case SettingKind::kFlag:
      if (text != "true" && text != "false") return "is " + kind_text(setting);
      std::get<bool& (*)(Settings&)>(setting.place)(into) = text == "true";
      return {};
    case SettingKind::kCount:
    case SettingKind::kBytes:
    case SettingKind::kDuration:
      return put_amount(setting, into, parse_amount(setting, text));
  }
  return "is of an unknown kind";
}

// From the file, where values have types: a count is no text, a duration no number.
Fault put_node(const Setting& setting, Settings& into, const toml::node& node) {
  const auto* const text = node.as_string();
  const auto* const number = node.as_integer();
  const auto* const flag = node.as_boolean();
  const bool takes_number =
      setting.kind == SettingKind::kCount || setting.kind == SettingKind::kBytes;
  if (number != nullptr && takes_number) {
    if (number->get() < 0) return "is " + kind_text(setting);
    return put_amount(setting, into, static_cast<std::uint64_t>(number->get()));
  }
  if (flag != nullptr && setting.kind == SettingKind::kFlag)
    return put_words(setting, into, flag->get() ? "true" : "false");
  const bool takes_text = setting.kind != SettingKind::kFlag && setting.kind != SettingKind::kCount;
  if (text != nullptr && takes_text) return put_words(setting, into, text->get());
  return "is " + kind_text(setting);
}

class Reader {
 public:
  Reader() { read_.sources.assign(all_settings().size(), "default"); }

  void read_file(const ConfigFile& file) try {
    read_table(file, toml::parse(file.text, file.path), "");
  } catch (const toml::parse_error& error) {
    complain(place(file, error.source()), std::string(error.description()));
  }

  void read_environment(const std::vector<NamedValue>& environment) {
    for (const auto& [name, value] : environment) {
      if (!name.starts_with("BIMIP_")) continue;
      const auto settings = all_settings();
      const auto found = std::ranges::find(settings, name, environment_name);
      if (found != settings.end()) {
        put(*found, name, put_words(*found, read_.settings, value));
      } else if (std::ranges::find(kOtherVariables, name) == kOtherVariables.end()) {
        read_.warnings.push_back(name + " is set, but there is no such setting");
      }
    }
  }

  void read_flags(const std::vector<NamedValue>& flags) {
    for (const auto& [name, value] : flags) {
      const auto settings = all_settings();
      const auto found = std::ranges::find(settings, name, flag_name);
      if (found == settings.end()) {
        complain(name, "there is no such setting");
      } else {
        put(*found, name, put_words(*found, read_.settings, value));
      }
    }
  }

  std::expected<Configuration, ConfigFaults> take() {
    if (!faults_.empty()) return std::unexpected(std::move(faults_));
    return std::move(read_);
  }

 private:
  static std::string place(const ConfigFile& file, const toml::source_region& at) {
    return file.path + ":" + std::to_string(at.begin.line);
  }

  void read_table(const ConfigFile& file, const toml::table& table, const std::string& before) {
    for (const auto& [key, node] : table) {
      const std::string name = before + std::string(key.str());
      const Setting* setting = find_setting(name);
      if (setting != nullptr) {
        put(*setting, place(file, key.source()), put_node(*setting, read_.settings, node));
      } else if (node.is_table() && is_table_of_ours(name)) {
        read_table(file, *node.as_table(), name + ".");
      } else {
        complain(place(file, key.source()), "there is no setting " + name);
      }
    }
  }

  static bool is_table_of_ours(const std::string& name) {
    return std::ranges::any_of(all_settings(), [&](const Setting& setting) {
      return setting.name.starts_with(name + ".");
    });
  }

  void put(const Setting& setting, const std::string& source, const Fault& fault) {
    if (fault) return complain(source, std::string(setting.name) + " " + *fault);
    read_.sources[static_cast<std::size_t>(&setting - all_settings().data())] = source;
  }

  void complain(const std::string& place, const std::string& what) {
    faults_.push_back(place + ": " + what);
  }

  Configuration read_;
  ConfigFaults faults_;
};

}  // namespace

std::expected<ConfigFile, std::string> read_config_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || !text) return std::unexpected("cannot read " + path + ": " + std::strerror(errno));
  return ConfigFile{.path = path, .text = std::move(text).str()};
}

std::expected<Configuration, ConfigFaults> configure(const ConfigInputs& inputs) {
  Reader reader;
  if (inputs.file) reader.read_file(*inputs.file);
  reader.read_environment(inputs.environment);
  reader.read_flags(inputs.flags);
  return reader.take();
}

}  // namespace bimip::frontend
