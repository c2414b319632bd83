// The line that says how far a command is, how fast it goes and how long it will take.
#pragma once

#include <chrono>

#include "tools/log/console.h"

namespace bimip::log_tools {

[[nodiscard]] std::string rate_text(std::uint64_t bytes, double seconds);

// Draws only on a terminal. Owner-thread only; the console outlives it.
class ProgressLine {
 public:
  explicit ProgressLine(const Console& console)
      : console_(console), start_(Clock::now()), phase_start_(start_) {}

  // The rate and the time left are those of the phase.
  void draw(std::string_view phase, std::uint64_t bytes_done, std::uint64_t bytes_total);
  void wipe();
  [[nodiscard]] double seconds() const { return since(start_); }  // since it was made

 private:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] static double since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  const Console& console_;
  const Clock::time_point start_;
  Clock::time_point phase_start_;
  std::string phase_;
};

}  // namespace bimip::log_tools
