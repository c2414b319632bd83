// The commands of `bimip log` that write: always beside what they read.
#pragma once

namespace CLI {
class App;
}

namespace bimip::tools {

// As add_log_commands does with `log`.
void add_log_write_commands(CLI::App& log, int& exit_code);

}  // namespace bimip::tools
