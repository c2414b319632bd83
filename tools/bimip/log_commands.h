// `bimip log ...`: the offline commands.
#pragma once

namespace CLI {
class App;
}

namespace bimip::tools {

// Adds `log` with its commands to the program. When one of them was given, `exit_code` is set to
// its answer while the command line is parsed; `exit_code` outlives `program`.
void add_log_commands(CLI::App& program, int& exit_code);

}  // namespace bimip::tools
