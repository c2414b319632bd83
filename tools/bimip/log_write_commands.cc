#include "tools/bimip/log_write_commands.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "tools/bimip/log_console.h"
#include "tools/log/diff/diff_command.h"
#include "tools/log/reindex/reindex_command.h"
#include "tools/log/salvage/salvage_command.h"

namespace bimip::tools {
namespace {

using namespace log_tools;  // NOLINT: the commands are theirs

void add_dry_run(CLI::App& command, Effect& effect) {
  command.add_flag_callback(
      "--dry-run", [&effect] { effect = Effect::kDryRun; },
      "Say what would be done, write nothing");
}

void add_salvage(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<SalvageArguments>();
  CLI::App* command = add_command(
      log,
      {.name = "salvage",
       .what = "Bring what still checks into a clean store; say what is lost",
       .example = "bimip log salvage /var/lib/bimip --to /var/lib/bimip.rescued",
       .exit_codes = "\nExit codes: 0 nothing is lost, 1 something is lost or in doubt, "
                     "2 could not run."},
      arguments->path, arguments->format);
  command->add_option("--to", arguments->to, "An empty folder, or one that is not there yet")
      ->type_name("DIR");
  command->add_option("--report", arguments->report, "Write the report as JSON here too")
      ->type_name("FILE");
  add_dry_run(*command, arguments->effect);
  add_jobs(*command, arguments->jobs, "Files read, and partitions written, at once");
  command->callback([arguments, &exit_code] {
    exit_code =
        run_on_console([&](const Console& console) { return run_salvage(*arguments, console); });
  });
}

void add_reindex(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<ReindexArguments>();
  CLI::App* command =
      add_command(log,
                  {.name = "reindex",
                   .what = "Make what is derived from the log again: indexes, producers",
                   .example = "bimip log reindex /var/lib/bimip --replace",
                   .exit_codes = "\nExit codes: 0 every derived file is right now, 1 some are not, "
                                 "2 could not run."},
                  arguments->path, arguments->format);
  CLI::Option* to =
      command->add_option("--to", arguments->to, "Write all of them into this empty folder")
          ->type_name("DIR");
  command
      ->add_flag_callback(
          "--replace", [arguments] { arguments->replace = InPlace::kYes; },
          "Replace those that are missing or wrong, each by one rename")
      ->excludes(to);
  add_dry_run(*command, arguments->effect);
  add_jobs(*command, arguments->jobs, "Segments read at once");
  command->callback([arguments, &exit_code] {
    exit_code =
        run_on_console([&](const Console& console) { return run_reindex(*arguments, console); });
  });
}

void add_diff(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<DiffArguments>();
  CLI::App* command =
      add_command(log,
                  {.name = "diff",
                   .what = "Whether two stores, topics or partitions hold the same records",
                   .example = "bimip log diff /var/lib/bimip /mnt/restored",
                   .exit_codes = "\nExit codes: 0 equal, 1 different, 2 could not run."},
                  arguments->first, arguments->format);
  command->add_option("OTHER", arguments->second, "The one to compare it with")->required();
  add_jobs(*command, arguments->jobs, "Partitions compared at once");
  command->callback([arguments, &exit_code] {
    exit_code =
        run_on_console([&](const Console& console) { return run_diff(*arguments, console); });
  });
}

}  // namespace

void add_log_write_commands(CLI::App& log, int& exit_code) {
  add_salvage(log, exit_code);
  add_reindex(log, exit_code);
  add_diff(log, exit_code);
}

}  // namespace bimip::tools
