#include "tools/bimip/log_commands.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "tools/bimip/log_console.h"
#include "tools/bimip/log_write_commands.h"
#include "tools/log/commands.h"
#include "tools/log/text.h"

namespace bimip::tools {
namespace {

using namespace log_tools;  // NOLINT: the commands are theirs

void add_stat(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<StatArguments>();
  CLI::App* command = add_command(log,
                                  {.name = "stat",
                                   .what = "What is there and how large it is, largest first",
                                   .example = "bimip log stat --segments /var/lib/bimip"},
                                  arguments->path, arguments->format);
  command->add_flag_callback(
      "--segments", [arguments] { arguments->detail = Detail::kSegments; },
      "List every segment too");
  command->callback([arguments, &exit_code] {
    exit_code =
        run_on_console([&](const Console& console) { return run_stat(*arguments, console); });
  });
}

void add_verify(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* command = add_command(log,
                                  {.name = "verify",
                                   .what = "Check every byte, and every file against the others",
                                   .example = "bimip log verify --deep /var/lib/bimip"},
                                  arguments->path, arguments->format);
  command->add_flag_callback(
      "--deep", [arguments] { arguments->depth = Depth::kRecords; },
      "Decode and count each record too");
  add_jobs(*command, arguments->jobs, "Segments read at once");
  command->callback([arguments, &exit_code] {
    exit_code =
        run_on_console([&](const Console& console) { return run_verify(*arguments, console); });
  });
}

struct DumpFlags {
  DumpArguments records{};
  std::optional<std::uint64_t> from{};
  std::optional<std::uint64_t> to{};
  std::string since{};
  std::string until{};
  std::string key{};
  std::vector<std::string> headers{};
  bool blocks = false;
  std::optional<std::uint64_t> block{};
};

Exit run_dump_flags(DumpFlags& flags, bool has_key, const Console& console) {
  if (flags.blocks || flags.block) {
    LayoutArguments layout{.path = flags.records.path, .format = flags.records.format};
    if (flags.block) layout.block = BlockNumber(*flags.block);
    return run_layout(layout, console);
  }
  RecordFilter& filter = flags.records.filter;
  if (flags.from) filter.offsets.first = Offset(*flags.from);
  if (flags.to) filter.offsets.end = Offset(*flags.to);
  if (!flags.since.empty()) filter.since = read_time("--since", flags.since);
  if (!flags.until.empty()) filter.until = read_time("--until", flags.until);
  if (has_key) filter.key = flags.key;
  for (const std::string& header : flags.headers) {
    const std::size_t equals = header.find('=');
    if (equals == std::string::npos || equals == 0)
      throw CLI::ValidationError("--header", "'" + header + "' is not NAME=VALUE");
    filter.headers.push_back(
        {.name = header.substr(0, equals), .value = header.substr(equals + 1)});
  }
  return run_dump(flags.records, console);
}

// CLI11 takes "-1" for the largest number there is.
CLI::Option* add_number(CLI::App& command, const char* name, std::optional<std::uint64_t>& into,
                        const char* what) {
  return command.add_option(name, into, what)->check([](const std::string& text) -> std::string {
    return text.starts_with('-') ? "'" + text + "' is below 0" : "";
  });
}

void add_dump(CLI::App& log, int& exit_code) {
  auto flags = std::make_shared<DumpFlags>();
  CLI::App* command = add_command(
      log,
      {.name = "dump",
       .what = "Records in offset order, or the blocks they lie in",
       .example = "bimip log dump --key alice --since 2026-11-23 /var/lib/bimip/topics/orders\n"
                  "  bimip log dump --block 17 /var/lib/bimip/topics/orders/0"},
      flags->records.path, flags->records.format);
  CLI::Option* json = command->get_option("--json");
  std::vector<CLI::Option*> of_records{
      add_number(*command, "--from", flags->from, "First offset")->type_name("OFFSET"),
      add_number(*command, "--to", flags->to, "Offset to end before")->type_name("OFFSET"),
      command->add_option("--since", flags->since, "Not earlier than this (UTC)")
          ->type_name("TIME"),
      command->add_option("--until", flags->until, "Earlier than this (UTC)")->type_name("TIME"),
      command->add_option("--key", flags->key, "With this key"),
      command->add_option("--header", flags->headers, "With this header; may be repeated")
          ->type_name("NAME=VALUE")
          ->allow_extra_args(false),
      add_number(*command, "--count", flags->records.count_max, "At most so many records")
          ->type_name("N"),
      command
          ->add_flag_callback(
              "--raw", [flags] { flags->records.format = Format::kRaw; },
              "Only the values, each ended by a newline")
          ->excludes(json)};
  CLI::Option* key = of_records[4];
  CLI::Option* blocks =
      command->add_flag("--blocks", flags->blocks, "Show what stands where in the files");
  CLI::Option* block =
      add_number(*command, "--block", flags->block, "Show one block, field by field")
          ->type_name("NUMBER");
  for (CLI::Option* option : of_records) {
    option->excludes(blocks);
    option->excludes(block);
  }
  command->callback([flags, key, &exit_code] {
    exit_code = run_on_console(
        [&](const Console& console) { return run_dump_flags(*flags, key->count() > 0, console); });
  });
}

}  // namespace

void add_log_commands(CLI::App& program, int& exit_code) {
  CLI::App* log =
      program.add_subcommand("log", "Look into a store and rescue it, without a server");
  log->footer("Example:\n  bimip log verify --deep /var/lib/bimip");
  log->require_subcommand(1);
  add_stat(*log, exit_code);
  add_verify(*log, exit_code);
  add_dump(*log, exit_code);
  add_log_write_commands(*log, exit_code);
}

}  // namespace bimip::tools
