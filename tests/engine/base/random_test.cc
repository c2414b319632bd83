#include "engine/base/random.h"

#include <gtest/gtest.h>

#include <set>

namespace bimip::engine {
namespace {

// The first outputs of SplitMix64 for seed 1234567, from the algorithm's reference program.
TEST(Random, IsSplitMix64) {
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317U);
  EXPECT_EQ(random.next(), 3203168211198807973U);
  EXPECT_EQ(random.next(), 9817491932198370423U);
}

TEST(Random, GivesTheSameRunForTheSameSeed) {
  Random one(42);
  Random other(42);
  Random third(43);
  const std::uint64_t first = one.next();
  EXPECT_EQ(first, other.next());
  EXPECT_NE(first, third.next());
}

TEST(Random, StaysBelowItsBoundAndReachesAllOfIt) {
  Random random(7);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = random.below(10);
    ASSERT_LT(value, 10U);
    seen.insert(value);
  }
  EXPECT_EQ(seen.size(), 10U);
  EXPECT_EQ(random.below(1), 0U);
  EXPECT_TRUE(random.one_in(1));
}

TEST(RandomId, IsNeverNoneAndNeverTwiceTheSame) {
  std::set<Id128> seen;
  for (int i = 0; i < 100; ++i) {
    const Id128 id = random_id();
    EXPECT_FALSE(id.is_none());
    EXPECT_TRUE(seen.insert(id).second);
  }
}

}  // namespace
}  // namespace bimip::engine
