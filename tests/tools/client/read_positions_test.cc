#include "tools/client/read_positions.h"

#include <gtest/gtest.h>

namespace bimip::client {
namespace {

TEST(ReadPositions, HandsEachRecordOnOnce) {
  ReadPositions positions;
  EXPECT_FALSE(positions.is_known());
  positions.on_start(0, 5, 8);
  EXPECT_TRUE(positions.take(0, 5));
  EXPECT_TRUE(positions.take(0, 6));
  EXPECT_FALSE(positions.take(0, 6));
  EXPECT_FALSE(positions.take(0, 5));
  EXPECT_EQ(positions.partitions().at(0).next, 7U);
}

TEST(ReadPositions, KeepsItsPlaceWhenItSubscribesAgain) {
  ReadPositions positions;
  positions.on_start(0, 0, 2);
  EXPECT_TRUE(positions.take(0, 0));
  positions.on_start(0, 1, 90);
  EXPECT_EQ(positions.partitions().at(0).next, 1U);
  EXPECT_EQ(positions.partitions().at(0).end, 2U);
}

TEST(ReadPositions, ReachesTheEndOverAllPartitionsAndPastGaps) {
  ReadPositions positions;
  EXPECT_FALSE(positions.reached_end());
  positions.on_start(0, 0, 2);
  positions.on_start(1, 3, 3);
  EXPECT_FALSE(positions.reached_end());
  EXPECT_TRUE(positions.take(0, 0));
  positions.pass_gap(0, 2);
  EXPECT_TRUE(positions.reached_end());
  positions.pass_gap(0, 1);  // never back
  EXPECT_EQ(positions.partitions().at(0).next, 2U);
}

}  // namespace
}  // namespace bimip::client
