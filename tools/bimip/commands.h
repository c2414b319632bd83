// The commands that speak to a server. Each adds itself to the program; when it was given, it sets
// the exit code while the command line is parsed.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace bimip::tools {

// What a script can rely on.
enum Exit : int {
  kDone = 0,
  kRefused = 1,    // the server said no, or records are missing
  kCannotRun = 2,  // a wrong flag, no server
  kInterrupted = 130,
};

// Options of the whole program.
struct Globals {
  // Empty: from the environment, else from the saved context, else the usual one.
  std::string server{};
  std::string token{};
  std::string token_file{};
  bool tls = false;
  std::string ca_file{};
  std::string eid{};
  std::string device{};
};

void add_topic_commands(CLI::App& program, const Globals& globals, int& exit_code);
void add_pub_command(CLI::App& program, const Globals& globals, int& exit_code);
void add_bench_command(CLI::App& program, const Globals& globals, int& exit_code);
void add_keys_commands(CLI::App& program, int& exit_code);
void add_session_commands(CLI::App& program, const Globals& globals, int& exit_code);
void add_token_commands(CLI::App& program, const Globals& globals, int& exit_code);
void add_context_commands(CLI::App& program, const Globals& globals, int& exit_code);
void add_sub_command(CLI::App& program, const Globals& globals, int& exit_code);
void add_send_command(CLI::App& program, const Globals& globals, int& exit_code);
void add_awareness_commands(CLI::App& program, const Globals& globals, int& exit_code);
void add_inbox_command(CLI::App& program, const Globals& globals, int& exit_code);
void add_request_commands(CLI::App& program, const Globals& globals, int& exit_code);
void add_replay_command(CLI::App& program, int& exit_code);
void add_offer_commands(CLI::App& program, const Globals& globals, int& exit_code);
void add_explain_command(CLI::App& program, const Globals& globals, int& exit_code);
void add_entity_commands(CLI::App& program, const Globals& globals, int& exit_code);

}  // namespace bimip::tools
