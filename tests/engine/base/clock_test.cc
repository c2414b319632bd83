#include "engine/base/clock.h"

#include <gtest/gtest.h>

namespace bimip::engine {
namespace {

TEST(SystemClock, CountsMicrosecondsSince1970) {
  using namespace std::chrono_literals;
  const auto before = std::chrono::system_clock::now();
  const Timestamp now = system_clock().now();
  const auto after = std::chrono::system_clock::now();
  EXPECT_GE(now, std::chrono::floor<std::chrono::microseconds>(before));
  EXPECT_LE(now, after);
}

TEST(SystemClock, MonotonicTimeNeverGoesBack) {
  auto last = system_clock().monotonic();
  for (int i = 0; i < 1000; ++i) {
    const auto now = system_clock().monotonic();
    ASSERT_GE(now, last);
    last = now;
  }
}

}  // namespace
}  // namespace bimip::engine
