// The command `bimip`: publishes, subscribes, administers, and looks into a store offline.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "tools/bimip/exit_code.h"
#include "tools/bimip/log_commands.h"

namespace bimip::tools {
namespace {

// "bimip pub": the command that the command line got to before it went wrong.
std::string command_of(const CLI::App& program) {
  std::string name = program.get_name();
  const CLI::App* deepest = &program;
  while (!deepest->get_subcommands().empty()) {
    deepest = deepest->get_subcommands().front();
    name += " " + deepest->get_name();
  }
  return name;
}

int run(int argc, char** argv) {
  CLI::App program("Publishes to bimipd, subscribes, administers, and looks into a store offline.",
                   "bimip");
  program.footer(
      "Exit codes: 0 done, 1 something was refused or is damaged, 2 could not run.\n"
      "COMMAND --help tells what a command takes, with an example.");
  program.require_subcommand(1);
  int exit_code = kExitDone;
  add_log_commands(program, exit_code);
  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return program.exit(help);
  } catch (const CLI::ParseError& error) {
    const std::string command = command_of(program);
    std::fprintf(stderr, "%s: %s (%s --help tells more)\n", command.c_str(), error.what(),
                 command.c_str());
    return kExitCannotRun;
  }
  return exit_code;
}

}  // namespace
}  // namespace bimip::tools

int main(int argc, char** argv) { return bimip::tools::run(argc, argv); }
