// Whatever sessions are told, and however the log answers: they keep their promises, and their
// recording replays to the same states and outputs.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>

#include "tests/frontend/session/script.h"

namespace {

// What a test would report ends the program here, so that the input is kept.
class EndAtAFailure final : public testing::EmptyTestEventListener {
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    std::fprintf(stderr, "%s:%d: %s\n", result.file_name(), result.line_number(), result.message());
    std::abort();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool listens = [] {
    testing::UnitTest::GetInstance()->listeners().Append(new EndAtAFailure);
    return true;
  }();
  (void)listens;
  bimip::testing::run_script(std::as_bytes(std::span(data, size)));
  return 0;
}
