#include "frontend/config/settings_text.h"

#include <nlohmann/json.hpp>

#include "frontend/config/units.h"

namespace bimip::frontend {
namespace {

struct ValueText {
  const Setting& setting;
  Settings settings;

  // What JSON does to a text is what TOML wants.
  std::string operator()(std::string& (*at)(Settings&)) {
    return nlohmann::json(at(settings))
        .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  std::string operator()(bool& (*at)(Settings&)) { return at(settings) ? "true" : "false"; }
  std::string operator()(std::uint64_t& (*at)(Settings&)) {
    const std::string text = amount_text(setting, at(settings));
    return setting.kind == SettingKind::kCount ? text : '"' + text + '"';
  }
  std::string operator()(std::chrono::milliseconds& (*at)(Settings&)) {
    return '"' + duration_text(at(settings)) + '"';
  }
};

std::string words_text(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += word == words.back() ? " or " : ", ";
    text += word;
  }
  return text;
}

std::string_view table_of(const Setting& setting) {
  const std::size_t dot = setting.name.find('.');
  return dot == std::string_view::npos ? std::string_view() : setting.name.substr(0, dot);
}

}  // namespace

std::string bounds_text(const Setting& setting) {
  const bool has_least = setting.least > 0;
  const bool has_most = setting.most < UINT64_MAX / 2;
  if (has_least && has_most)
    return amount_text(setting, setting.least) + " to " + amount_text(setting, setting.most);
  if (has_most) return "at most " + amount_text(setting, setting.most);
  if (has_least) return "at least " + amount_text(setting, setting.least);
  return "";
}

std::string kind_text(const Setting& setting) {
  switch (setting.kind) {
    case SettingKind::kText:
      return "a text";
    case SettingKind::kEndpoint:
      return "an ADDRESS:PORT such as 127.0.0.1:7450 or [::1]:7450";
    case SettingKind::kWord:
      return words_text(setting.words);
    case SettingKind::kFlag:
      return "true or false";
    case SettingKind::kCount:
      return "a whole number";
    case SettingKind::kBytes:
      return "a size such as 64MiB";
    case SettingKind::kDuration:
      return "a duration such as 30s";
  }
  return "";
}

std::string amount_text(const Setting& setting, std::uint64_t amount) {
  if (setting.kind == SettingKind::kBytes) return bytes_text(amount);
  if (setting.kind == SettingKind::kDuration)
    return duration_text(std::chrono::milliseconds(static_cast<std::int64_t>(amount)));
  return std::to_string(amount);
}

std::string value_text(const Setting& setting, const Settings& settings) {
  return std::visit(ValueText{.setting = setting, .settings = settings}, setting.place);
}

std::string print_configuration(const Configuration& configuration) {
  std::string text;
  std::string_view table;
  for (std::size_t i = 0; i < all_settings().size(); ++i) {
    const Setting& setting = all_settings()[i];
    if (table_of(setting) != table) {
      table = table_of(setting);
      text += "\n[" + std::string(table) + "]\n";
    }
    const std::string_view key =
        table.empty() ? setting.name : setting.name.substr(table.size() + 1);
    text += std::string(key) + " = " + value_text(setting, configuration.settings) + "  # " +
            configuration.sources[i] + "\n";
  }
  return text;
}

std::string settings_table() {
  std::string text = "| setting | default | | meaning |\n| --- | --- | --- | --- |\n";
  for (const Setting& setting : all_settings()) {
    text +=
        "| `" + std::string(setting.name) + "` | `" + value_text(setting, {}) + "` | " +
        (setting.kind == SettingKind::kWord ? words_text(setting.words) : bounds_text(setting)) +
        " | " + std::string(setting.meaning) + " |\n";
  }
  return text;
}

}  // namespace bimip::frontend
