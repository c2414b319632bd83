// bimipd: the server.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <thread>

#include "frontend/node/node.h"
#include "frontend/node/report_text.h"
#include "frontend/stanza/limits.h"

namespace {

using namespace bimip::frontend;

// What a caller of this program can rely on.
enum Exit : int { kDone = 0, kRefused = 1, kCannotRun = 2 };

struct Flags {
  std::string data_dir;
  std::string tcp = "127.0.0.1:" + std::to_string(limits::kTcpPort);
  std::size_t shards = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 16);
  std::uint64_t spare_space = 2 * bimip::engine::limits::kSegmentBytesDefault;
  std::uint64_t free_space_floor = bimip::engine::limits::kFreeSpaceFloorDefault;
  bool dev = false;
};

int complain(Exit code, const std::string& message) {
  std::fprintf(stderr, "bimipd: %s\n", message.c_str());
  return code;
}

struct Endpoint {
  std::string address;
  std::uint16_t port;
};

// ADDRESS:PORT, an IPv6 address in brackets.
std::optional<Endpoint> parse_endpoint(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon + 1 == text.size()) return std::nullopt;
  std::string address = text.substr(0, colon);
  if (address.size() > 2 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  unsigned port = 0;
  for (const char digit : text.substr(colon + 1)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    port = port * 10 + static_cast<unsigned>(digit - '0');
    if (port > 65535) return std::nullopt;
  }
  return Endpoint{.address = std::move(address), .port = static_cast<std::uint16_t>(port)};
}

bool is_loopback(const std::string& address) {
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(address, error);
  return !error && ip.is_loopback();
}

int serve(const Flags& flags, const Endpoint& endpoint, const sigset_t& stop_signals) {
  auto node = Node::open({.data_directory = flags.data_dir,
                          .tcp_address = endpoint.address,
                          .tcp_port = endpoint.port,
                          .shards = flags.shards,
                          .spare_bytes = flags.spare_space,
                          .free_space_floor = flags.free_space_floor});
  const auto fail = [](const NodeError& error) {
    return complain(error.kind == NodeError::Kind::kRefused ? kRefused : kCannotRun, error.message);
  };
  if (!node) return fail(node.error());
  for (const std::string& line : report_lines((*node)->report(), (*node)->topics()))
    spdlog::info("{}", line);
  const auto port = (*node)->listen();
  if (!port) return fail(port.error());
  spdlog::info("--dev: no keys, everybody is who they say they are, loopback only");
  const bool is_v6 = endpoint.address.find(':') != std::string::npos;
  std::printf(is_v6 ? "listening on [%s]:%u\n" : "listening on %s:%u\n", endpoint.address.c_str(),
              static_cast<unsigned>(*port));
  std::fflush(stdout);

  int signal = 0;
  sigwait(&stop_signals, &signal);
  spdlog::info("stopping on signal {}", signal);
  (*node)->stop();
  spdlog::info("stopped");
  return kDone;
}

}  // namespace

int main(int argc, char** argv) try {
  Flags flags;
  CLI::App app{
      "The Bimip server: a durable message backbone.\n\nExample:\n"
      "  bimipd --data-dir /var/lib/bimip --dev"};
  app.name("bimipd");
  app.set_version_flag("--version", "bimipd " BIMIP_VERSION);
  app.add_option("--data-dir", flags.data_dir, "Where the log lives; created when missing")
      ->required();
  app.add_option("--tcp", flags.tcp, "ADDRESS:PORT to listen on; port 0 takes a free one")
      ->capture_default_str();
  app.add_flag("--dev", flags.dev, "Without keys: loopback only, everybody is trusted");
  app.add_option("--shards", flags.shards, "Threads that serve sessions")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--spare-space", flags.spare_space,
                 "Bytes (or 512MB, 8GB) kept zeroed ahead for bursts, once segments fill up")
      ->transform(CLI::AsSizeValue(false))
      ->capture_default_str();
  app.add_option("--free-space-floor", flags.free_space_floor,
                 "Writes stop while the file system has less free than this")
      ->transform(CLI::AsSizeValue(false))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return complain(kCannotRun, std::string(error.what()) + " (see bimipd --help)");
  }
  const std::optional<Endpoint> endpoint = parse_endpoint(flags.tcp);
  if (!endpoint) return complain(kCannotRun, "--tcp: '" + flags.tcp + "' is no ADDRESS:PORT");
  if (!flags.dev)
    return complain(kCannotRun,
                    "there are no keys to check tokens with: run with --dev, on loopback only");
  if (!is_loopback(endpoint->address))
    return complain(kCannotRun, "--dev listens on loopback only, not on " + endpoint->address);

  spdlog::set_default_logger(spdlog::stderr_logger_mt("bimipd"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  // Before any thread begins: they inherit it, and only serve() waits for the signals.
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  return serve(flags, *endpoint, stop_signals);
} catch (const std::exception& error) {
  return complain(kCannotRun, error.what());
}
