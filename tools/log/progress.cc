#include "tools/log/progress.h"

#include <algorithm>

#include "tools/log/text.h"

namespace bimip::log_tools {

Exit cannot_run(const Error& error, const Console& console) {
  console.err("bimip log: " + error.message + "\n");
  return Exit::kCannotRun;
}

std::string rate_text(std::uint64_t bytes, double seconds) {
  return bytes_text(
             static_cast<std::uint64_t>(static_cast<double>(bytes) / std::max(seconds, 1e-6))) +
         "/s";
}

void ProgressLine::draw(std::string_view phase, std::uint64_t bytes_done,
                        std::uint64_t bytes_total) {
  if (!console_.progress || bytes_total == 0) return;
  if (phase != phase_) {
    phase_ = phase;
    phase_start_ = Clock::now();
  }
  const double seconds = since(phase_start_);
  const double rate = static_cast<double>(bytes_done) / std::max(seconds, 1e-6);
  const std::uint64_t left = bytes_total - std::min(bytes_total, bytes_done);
  std::string text = phase_.empty() ? "" : phase_ + ": ";
  text += bytes_text(bytes_done) + " of " + bytes_text(bytes_total) + ", " +
          std::to_string(bytes_done * 100 / bytes_total) + " %, " + rate_text(bytes_done, seconds);
  if (rate > 0) {
    text += ", " +
            std::to_string(static_cast<std::uint64_t>(static_cast<double>(left) / rate + 1)) +
            " s left";
  }
  console_.progress(text);
}

void ProgressLine::wipe() {
  if (console_.progress) console_.progress({});
}

}  // namespace bimip::log_tools
