#include "tools/bimip/console.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

#include "tools/bimip/context.h"
#include "tools/client/connection.h"

namespace bimip::tools {
namespace {

constexpr std::chrono::milliseconds kRedraw{200};

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

void on_signal(int signal) {
  interrupted.store(true);
  // The second one ends the program at once.
  std::signal(signal, SIG_DFL);
}

std::string variable(const char* name) {
  const char* set = std::getenv(name);
  return set == nullptr ? std::string() : std::string(set);
}

std::string first_of(std::initializer_list<std::string> values) {
  for (const std::string& value : values) {
    if (!value.empty()) return value;
  }
  return {};
}

}  // namespace

void complain(std::string_view message) {
  std::fprintf(stderr, "bimip: %.*s\n", static_cast<int>(message.size()), message.data());
}

int complain(const engine::Error& error) {
  complain(error.message);
  const bool no_server = error.code == engine::ErrorCode::kIo;
  return no_server ? kCannotRun : kRefused;
}

int cannot_run(const engine::Error& error) {
  complain(error.message);
  return kCannotRun;
}

engine::Result<client::Endpoint> server_of(const Globals& globals) {
  const engine::Result<Context> saved = load_context();
  if (!saved) return std::unexpected(saved.error());
  const std::string server = first_of({globals.server, variable("BIMIP_SERVER"), saved->server});
  auto endpoint = client::parse_endpoint(server.empty() ? "127.0.0.1" : server);
  if (!endpoint) return endpoint;
  endpoint->ca_file = first_of({globals.ca_file, saved->ca_file});
  endpoint->eid = globals.eid;
  endpoint->device = globals.device;
  endpoint->tls = globals.tls || saved->tls || !endpoint->ca_file.empty();
  if (!globals.token.empty() || !globals.token_file.empty()) {
    endpoint->token = globals.token;
    endpoint->token_file = globals.token_file;
  } else if (const std::string set = variable("BIMIP_TOKEN"); !set.empty()) {
    endpoint->token = set;
  } else {
    endpoint->token_file = saved->token_file;
  }
  return endpoint;
}

int with_server(const Globals& globals, const std::function<int(client::Connection&)>& run) {
  const engine::Result<client::Endpoint> server = server_of(globals);
  if (!server) return cannot_run(server.error());
  auto connection = client::Connection::open(*server, {}, kAnswerWithin);
  return connection ? run(**connection) : complain(connection.error());
}

const std::atomic<bool>& interruption() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  return interrupted;
}

Progress::Progress(std::uint64_t bytes_total)
    : is_terminal_(::isatty(STDERR_FILENO) == 1),
      bytes_total_(bytes_total),
      began_(std::chrono::steady_clock::now()) {}

Progress::~Progress() { wipe(); }

void Progress::show(std::uint64_t messages, std::uint64_t bytes_done) {
  const auto now = std::chrono::steady_clock::now();
  if (!is_terminal_ || now - shown_at_ < kRedraw) return;
  shown_at_ = now;
  drawn_ = true;
  const double seconds = std::chrono::duration<double>(now - began_).count();
  std::fprintf(stderr, "\r\x1b[K%llu messages, %.0f/s", static_cast<unsigned long long>(messages),
               static_cast<double>(messages) / seconds);
  if (bytes_total_ > 0 && bytes_done > 0) {
    const double share = static_cast<double>(bytes_done) / static_cast<double>(bytes_total_);
    std::fprintf(stderr, ", %.0f %%, %.0f s left", 100 * share, seconds / share - seconds);
  }
  std::fflush(stderr);
}

void Progress::wipe() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

}  // namespace bimip::tools
