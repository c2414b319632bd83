// bimip: the tool.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/bimip/log_commands.h"

namespace {

// "bimip pub": the command that the command line got to before it went wrong.
struct Reached {
  const CLI::App* command;
  std::string name;
};
Reached reached_in(const CLI::App& program) {
  Reached reached{.command = &program, .name = program.get_name()};
  while (!reached.command->get_subcommands().empty()) {
    reached.command = reached.command->get_subcommands().front();
    reached.name += " " + reached.command->get_name();
  }
  return reached;
}

std::string why(const CLI::App& program, const CLI::ParseError& error) {
  const Reached reached = reached_in(program);
  std::string what = error.what();
  const std::vector<std::string> unknown = program.remaining(true);
  const bool wants_command = reached.command->get_require_subcommand_min() > 0;
  if (wants_command && !unknown.empty() && !unknown.front().starts_with('-'))
    what = "'" + unknown.front() + "' is no command of " + reached.name;
  return what + " (see " + reached.name + " --help)";
}

}  // namespace

int main(int argc, char** argv) try {
  using namespace bimip::tools;
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{
      "Uses, inspects and verifies Bimip.\n\nExample:\n"
      "  bimip topic create events && bimip pub events hello && "
      "bimip sub events --from earliest --count 1"};
  app.name("bimip");
  app.set_version_flag("--version", "bimip " BIMIP_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  Globals globals;
  app.add_option(
      "--server", globals.server,
      "HOST:PORT of the server; else BIMIP_SERVER, else the saved context, else 127.0.0.1:7450");
  app.add_option("--token", globals.token, "The token to show; else BIMIP_TOKEN, else the context");
  app.add_option("--token-file", globals.token_file,
                 "A file with the token, read again when the token is at its end");
  app.add_option("--as", globals.eid,
                 "The entity to be, on a server with --dev; else the token says it");
  app.add_option("--device", globals.device, "The device to be");
  app.add_flag("--tls", globals.tls, "Speak TLS to the server; else as the context says");
  app.add_option("--ca", globals.ca_file,
                 "A PEM file with the authorities that the server's certificate may be of; implies "
                 "--tls");
  int exit_code = kDone;
  add_topic_commands(app, globals, exit_code);
  add_pub_command(app, globals, exit_code);
  add_sub_command(app, globals, exit_code);
  add_entity_commands(app, globals, exit_code);
  add_send_command(app, globals, exit_code);
  add_inbox_command(app, globals, exit_code);
  add_awareness_commands(app, globals, exit_code);
  add_offer_commands(app, globals, exit_code);
  add_explain_command(app, globals, exit_code);
  add_bench_command(app, globals, exit_code);
  add_keys_commands(app, exit_code);
  add_session_commands(app, globals, exit_code);
  add_token_commands(app, globals, exit_code);
  add_context_commands(app, globals, exit_code);
  add_log_commands(app, exit_code);
  add_request_commands(app, globals, exit_code);
  add_replay_command(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    complain(why(app, error));
    return kCannotRun;
  }
  return output_failed() ? kCannotRun : exit_code;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bimip: %s\n", error.what());
  return 2;
}
