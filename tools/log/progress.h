// The line that says how far a command is, how fast it goes and how long it will take.
#pragma once

#include <chrono>
#include <functional>

#include "tools/log/console.h"

namespace bimip::log_tools {

[[nodiscard]] std::string rate_text(std::uint64_t bytes, double seconds);

// Draws only on a terminal, five times a second at most, so that what is quick draws nothing.
// Owner-thread only; the console outlives it.
class ProgressLine {
 public:
  using Clock = std::chrono::steady_clock;
  explicit ProgressLine(const Console& console,
                        std::function<Clock::time_point()> now = &Clock::now);

  // The rate and the time left are those of the phase since it was first drawn.
  void draw(std::string_view phase, std::uint64_t bytes_done, std::uint64_t bytes_total);
  void wipe();
  [[nodiscard]] double seconds() const;  // since it was made

 private:
  const Console& console_;
  const std::function<Clock::time_point()> now_;
  const Clock::time_point start_;
  Clock::time_point phase_start_;
  Clock::time_point drawn_at_;
  std::uint64_t bytes_before_ = 0;  // the phase was first drawn
  std::string phase_;
};

}  // namespace bimip::log_tools
