#include "tools/client/backoff.h"

#include <gtest/gtest.h>

#include <set>

namespace bimip::client {
namespace {

TEST(Backoff, DoublesUpToItsMostAndNeverLeavesTheUpperHalf) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Backoff backoff(seed);
    std::chrono::milliseconds whole = Backoff::kFirst;
    for (int i = 0; i < 20; ++i) {
      const std::chrono::milliseconds wait = backoff.next();
      EXPECT_GE(wait, whole / 2) << "seed " << seed;
      EXPECT_LE(wait, whole) << "seed " << seed;
      whole = std::min(whole * 2, Backoff::kMost);
    }
  }
}

TEST(Backoff, BeginsAgainAfterASuccess) {
  Backoff backoff(1);
  for (int i = 0; i < 10; ++i) (void)backoff.next();
  backoff.reset();
  EXPECT_LE(backoff.next(), Backoff::kFirst);
}

TEST(Backoff, SpreadsClientsThatFailedTogether) {
  std::set<std::int64_t> waits;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Backoff backoff(seed);
    for (int i = 0; i < 9; ++i) (void)backoff.next();
    waits.insert(backoff.next().count());
  }
  EXPECT_GT(waits.size(), 80U);
}

}  // namespace
}  // namespace bimip::client
