#include "frontend/session/pace.h"

#include <gtest/gtest.h>

namespace bimip::frontend {
namespace {

using namespace std::chrono_literals;

TEST(Pace, AllowsASecondsWorthAtOnceAndThenTheRate) {
  Pace pace(10, 100s);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(pace.is_spent()) << i;
    pace.take(100s);
  }
  EXPECT_TRUE(pace.is_spent());
  pace.refill(100s + 99ms);
  EXPECT_TRUE(pace.is_spent());
  pace.refill(100s + 101ms);
  EXPECT_FALSE(pace.is_spent());
}

TEST(Pace, WaitsOffWhatWasTakenTooMuch) {
  Pace pace(10, 0s);
  for (int i = 0; i < 30; ++i) pace.take(0s);
  pace.refill(2s);
  EXPECT_TRUE(pace.is_spent());
  pace.refill(2101ms);
  EXPECT_FALSE(pace.is_spent());
}

TEST(Pace, SavesNoMoreThanASecondsWorth) {
  Pace pace(10, 0s);
  pace.refill(1h);
  for (int i = 0; i < 10; ++i) pace.take(1h);
  EXPECT_TRUE(pace.is_spent());
}

}  // namespace
}  // namespace bimip::frontend
