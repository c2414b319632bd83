#include "tools/bimip/record_flags.h"

#include <CLI/CLI.hpp>

#include "tools/bimip/log_console.h"

namespace bimip::tools {

CLI::Option* add_number(CLI::App& command, const char* name, std::optional<std::uint64_t>& into,
                        const char* what) {
  return command.add_option(name, into, what)->check([](const std::string& text) -> std::string {
    return text.starts_with('-') ? "'" + text + "' is below 0" : "";
  });
}

std::vector<CLI::Option*> add_record_flags(CLI::App& command, RecordFlags& flags) {
  return {
      add_number(command, "--from", flags.from, "First offset")->type_name("OFFSET"),
      add_number(command, "--to", flags.to, "Offset to end before")->type_name("OFFSET"),
      command.add_option("--since", flags.since, "Not earlier than this (UTC)")->type_name("TIME"),
      command.add_option("--until", flags.until, "Earlier than this (UTC)")->type_name("TIME"),
      command.add_option_function<std::string>(
          "--key",
          [&flags](const std::string& key) {
            flags.key = key;
            flags.has_key = true;
          },
          "With this key"),
      command.add_option("--header", flags.headers, "With this header; may be repeated")
          ->type_name("NAME=VALUE")
          ->allow_extra_args(false),
      add_number(command, "--count", flags.count_max, "At most so many records")->type_name("N")};
}

log_tools::RecordFilter filter_of(const RecordFlags& flags) {
  log_tools::RecordFilter filter;
  if (flags.from) filter.offsets.first = engine::Offset(*flags.from);
  if (flags.to) filter.offsets.end = engine::Offset(*flags.to);
  if (!flags.since.empty()) filter.since = read_time("--since", flags.since);
  if (!flags.until.empty()) filter.until = read_time("--until", flags.until);
  if (flags.to && filter.offsets.first >= filter.offsets.end)
    throw CLI::ValidationError("--to", "nothing lies from " +
                                           std::to_string(flags.from.value_or(0)) +
                                           " on and before " + std::to_string(*flags.to));
  if (filter.since && filter.until && *filter.since >= *filter.until)
    throw CLI::ValidationError("--until", "it is not later than --since");
  if (flags.has_key) filter.key = flags.key;
  for (const std::string& header : flags.headers) {
    const std::size_t equals = header.find('=');
    if (equals == std::string::npos || equals == 0)
      throw CLI::ValidationError("--header", "'" + header + "' is not NAME=VALUE");
    filter.headers.push_back(
        {.name = header.substr(0, equals), .value = header.substr(equals + 1)});
  }
  return filter;
}

}  // namespace bimip::tools
