#include "tools/bimip/log_write_commands.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "tools/bimip/log_console.h"
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

}  // namespace

void add_log_write_commands(CLI::App& log, int& exit_code) { add_salvage(log, exit_code); }

}  // namespace bimip::tools
