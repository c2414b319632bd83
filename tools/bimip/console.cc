#include "tools/bimip/console.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace bimip::tools {
namespace {

constexpr std::size_t kOutputBytes = 64 * 1024;
constexpr std::chrono::milliseconds kRedraw{200};

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

void on_signal(int signal) {
  interrupted.store(true);
  // The second one ends the program at once.
  std::signal(signal, SIG_DFL);
}

struct Unit {
  std::string_view name;
  std::uint64_t worth;
};

// A whole number and a unit behind it.
template <std::size_t N>
std::optional<std::uint64_t> parse_amount(std::string_view text, const std::array<Unit, N>& units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    if (number > UINT64_MAX / 2 / unit.worth) return std::nullopt;
    return number * unit.worth;
  }
  return std::nullopt;
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

engine::Result<client::Endpoint> server_of(const Globals& globals) {
  if (!globals.server.empty()) return client::parse_endpoint(globals.server);
  const char* set = std::getenv("BIMIP_SERVER");
  if (set != nullptr && *set != '\0') return client::parse_endpoint(set);
  return client::parse_endpoint("127.0.0.1");
}

const std::atomic<bool>& interruption() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  return interrupted;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  static constexpr std::array<Unit, 5> kUnits{
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  const auto amount = parse_amount(text, kUnits);
  if (!amount) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(*amount));
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  static constexpr std::array<Unit, 9> kUnits{{{"", 1},
                                               {"B", 1},
                                               {"KB", 1000},
                                               {"MB", 1'000'000},
                                               {"GB", 1'000'000'000},
                                               {"KiB", 1ULL << 10},
                                               {"MiB", 1ULL << 20},
                                               {"GiB", 1ULL << 30},
                                               {"TiB", 1ULL << 40}}};
  return parse_amount(text, kUnits);
}

bool Output::write(std::string_view text) {
  waiting_ += text;
  return waiting_.size() < kOutputBytes ? is_open_ : flush();
}

bool Output::flush() {
  std::string_view rest = waiting_;
  while (!rest.empty() && is_open_) {
    const ssize_t done = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) is_open_ = false;
    if (done > 0) rest.remove_prefix(static_cast<std::size_t>(done));
  }
  waiting_.clear();
  return is_open_;
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
