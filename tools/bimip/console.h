// What the commands share: where the server is, how they complain, how they are interrupted.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "engine/base/types.h"
#include "frontend/config/units.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/output.h"
#include "tools/client/endpoint.h"

namespace bimip::client {
class Connection;
}

namespace bimip::tools {

// "bimip: MESSAGE" on standard error.
void complain(std::string_view message);
// The same, and the exit code that the error calls for.
int complain(const engine::Error& error);

// The same for what keeps a command from running at all.
int cannot_run(const engine::Error& error);

// Where the server is and the token for it: from the flags, else the environment, else the saved
// context, else this machine.
[[nodiscard]] engine::Result<client::Endpoint> server_of(const Globals& globals);

// How long an answer may take.
inline constexpr std::chrono::milliseconds kAnswerWithin{30'000};

// Runs a command on a connection to the server, and answers its exit code; complains when there is
// no connection.
[[nodiscard]] int with_server(const Globals& globals,
                              const std::function<int(client::Connection&)>& run);

// Set by SIGINT and SIGTERM from the first call on.
[[nodiscard]] const std::atomic<bool>& interruption();

using frontend::parse_bytes;
using frontend::parse_duration;

// A line on standard error that is drawn again and again, on a terminal only.
class Progress {
 public:
  explicit Progress(std::uint64_t bytes_total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void show(std::uint64_t messages, std::uint64_t bytes_done);
  // Before something else is written.
  void wipe();

 private:
  const bool is_terminal_;
  const std::uint64_t bytes_total_;  // 0: not known
  const std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point shown_at_{};
  bool drawn_ = false;
};

}  // namespace bimip::tools
