#include "tools/bimip/log_commands.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "tools/bimip/log_console.h"
#include "tools/bimip/log_write_commands.h"
#include "tools/bimip/record_flags.h"
#include "tools/bimip/stored_stanza.h"
#include "tools/log/commands.h"

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
  add_live(*command, arguments->holding);
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
  add_live(*command, arguments->holding);
  add_readers(*command, arguments->jobs, "Segments read at once");
  command->callback([arguments, &exit_code] {
    exit_code =
        run_on_console([&](const Console& console) { return run_verify(*arguments, console); });
  });
}

struct DumpFlags {
  DumpArguments records{};
  RecordFlags which{};
  bool blocks = false;
  std::optional<std::uint64_t> block{};
};

Exit run_dump_flags(DumpFlags& flags, const Console& console) {
  if (flags.blocks || flags.block) {
    LayoutArguments layout{.path = flags.records.path,
                           .format = flags.records.format,
                           .holding = flags.records.holding};
    if (flags.block) layout.block = BlockNumber(*flags.block);
    return run_layout(layout, console);
  }
  flags.records.filter = filter_of(flags.which);
  flags.records.count_max = flags.which.count_max;
  flags.records.stanza_of = stored_stanza;
  return run_dump(flags.records, console);
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
  add_live(*command, flags->records.holding);
  CLI::Option* json = command->get_option("--json");
  std::vector<CLI::Option*> of_records = add_record_flags(*command, flags->which);
  of_records.push_back(command
                           ->add_flag_callback(
                               "--raw", [flags] { flags->records.format = Format::kRaw; },
                               "Only the values, each ended by a newline")
                           ->excludes(json));
  CLI::Option* blocks =
      command->add_flag("--blocks", flags->blocks, "Show what stands where in the files");
  CLI::Option* block =
      add_number(*command, "--block", flags->block, "Show one block, field by field")
          ->type_name("NUMBER");
  for (CLI::Option* option : of_records) {
    option->excludes(blocks);
    option->excludes(block);
  }
  command->callback([flags, &exit_code] {
    exit_code =
        run_on_console([&](const Console& console) { return run_dump_flags(*flags, console); });
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
