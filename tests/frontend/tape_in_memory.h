// The recording of a core of the node, in memory.
#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <string_view>

#include "frontend/replay/replayer.h"
#include "frontend/session/core_tape.h"

namespace bimip::testing {

class TapeInMemory final : public frontend::CoreTape {
 public:
  explicit TapeInMemory(frontend::RecordedCore core) : writer_(out_, {.core = core}, kBytesMax) {}
  void write(frontend::TapeEvent event, std::string_view words) override {
    (void)writer_.add(event, words);
  }
  void flush() override { (void)writer_.flush(); }
  void end() override { writer_.end(); }
  [[nodiscard]] bool is_open() const override { return writer_.is_open(); }
  [[nodiscard]] std::string bytes() const { return out_.str(); }

 private:
  static constexpr std::uint64_t kBytesMax = 1'000'000'000;
  std::ostringstream out_;
  frontend::RecordingWriter writer_;
};

// One that has ended replays.
inline void expect_replays(const std::string& recording) {
  std::istringstream recorded(recording);
  const auto report = frontend::replay(recorded);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->end, frontend::ReplayReport::End::kWhole);
  EXPECT_GT(report->states, 0U);
  EXPECT_FALSE(report->difference)
      << "event " << report->difference->event << ": " << report->difference->what;
}

}  // namespace bimip::testing
