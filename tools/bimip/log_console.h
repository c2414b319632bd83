// What the offline commands of `bimip log` share at the terminal.
#pragma once

#include <functional>

#include "tools/log/console.h"
#include "tools/log/store_hold.h"

namespace CLI {
class App;
}

namespace bimip::tools {

using engine::Timestamp;

inline constexpr const char* kDamageExitCodes =
    "\nExit codes: 0 nothing is damaged, 1 damage was found, 2 could not run.";

// Its exit code. Standard output is written in large pieces; progress is drawn on a terminal only.
int run_on_console(const std::function<log_tools::Exit(const log_tools::Console&)>& command);

struct LogCommand {
  const char* name;
  const char* what;
  const char* example;
  const char* exit_codes = kDamageExitCodes;
};
// With what all of them have: PATH and --json.
CLI::App* add_command(CLI::App& log, const LogCommand& command, log_tools::Path& path,
                      log_tools::Format& format);
// What the option was given; as a wrong value is refused, with its name in front.
Timestamp read_time(const std::string& option, const std::string& text);
// --live.
void add_live(CLI::App& command, log_tools::Holding& holding);
// One job a core unless it is said.
void add_jobs(CLI::App& command, unsigned& jobs, const char* what);
// For what waits for the disk and hardly computes: as many reads at once as a disk wants, four a
// core, at least 8 and at most 32.
void add_readers(CLI::App& command, unsigned& jobs, const char* what);

}  // namespace bimip::tools
