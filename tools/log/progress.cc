#include "tools/log/progress.h"

#include <algorithm>

#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

constexpr std::chrono::milliseconds kRedraw{200};

double seconds_between(ProgressLine::Clock::time_point from, ProgressLine::Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

Exit cannot_run(const Error& error, const Console& console) {
  console.err("bimip log: " + error.message + "\n");
  return Exit::kCannotRun;
}

std::string rate_text(std::uint64_t bytes, double seconds) {
  return bytes_text(
             static_cast<std::uint64_t>(static_cast<double>(bytes) / std::max(seconds, 1e-6))) +
         "/s";
}

ProgressLine::ProgressLine(const Console& console, std::function<Clock::time_point()> now)
    : console_(console),
      now_(std::move(now)),
      start_(now_()),
      phase_start_(start_),
      drawn_at_(start_) {}

void ProgressLine::draw(std::string_view phase, std::uint64_t bytes_done,
                        std::uint64_t bytes_total) {
  if (!console_.progress || bytes_total == 0) return;
  const Clock::time_point now = now_();
  if (phase != phase_) {
    phase_ = phase;
    phase_start_ = drawn_at_ = now;
    bytes_before_ = bytes_done;
  }
  if (now - drawn_at_ < kRedraw) return;
  drawn_at_ = now;
  const double seconds = seconds_between(phase_start_, now);
  const std::uint64_t done_since = bytes_done - std::min(bytes_done, bytes_before_);
  const double rate = static_cast<double>(done_since) / seconds;
  const std::uint64_t left = bytes_total - std::min(bytes_total, bytes_done);
  std::string text = phase_.empty() ? "" : phase_ + ": ";
  text += bytes_text(bytes_done) + " of " + bytes_text(bytes_total) + ", " +
          std::to_string(bytes_done * 100 / bytes_total) + " %, " + rate_text(done_since, seconds);
  if (rate > 0) {
    text += ", " +
            std::to_string(static_cast<std::uint64_t>(static_cast<double>(left) / rate + 1)) +
            " s left";
  }
  console_.progress(text);
}

double ProgressLine::seconds() const { return seconds_between(start_, now_()); }

void ProgressLine::wipe() {
  if (console_.progress) console_.progress({});
}

}  // namespace bimip::log_tools
