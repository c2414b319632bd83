#include "frontend/session/subscription.h"

#include <gtest/gtest.h>

namespace bimip::frontend {
namespace {

OffsetRange range(std::uint64_t first, std::uint64_t end) {
  return {.first = Offset(first), .end = Offset(end)};
}

TEST(Cursor, GivesBackEachAcknowledgedRecordOnce) {
  Cursor cursor;
  cursor.delivered(range(0, 3));
  cursor.delivered(range(3, 5));
  EXPECT_EQ(cursor.unacknowledged.size(), 1U);
  EXPECT_EQ(cursor.acknowledge(Offset(2)), 2U);
  EXPECT_EQ(cursor.acknowledge(Offset(2)), 0U);
  EXPECT_EQ(cursor.acknowledge(Offset(5)), 3U);
  EXPECT_TRUE(cursor.unacknowledged.empty());
}

TEST(Cursor, GivesNothingBackForAHole) {
  Cursor cursor;
  cursor.delivered(range(0, 2));
  cursor.delivered(range(10, 12));
  EXPECT_EQ(cursor.unacknowledged.size(), 2U);
  EXPECT_EQ(cursor.acknowledge(Offset(11)), 3U);
  EXPECT_EQ(cursor.acknowledge(Offset(12)), 1U);
}

TEST(Cursor, HasMoreUnlessItIsFetchingOrStuckOrAtTheEnd) {
  Cursor cursor{.next = Offset(1), .visible_end = Offset(2)};
  EXPECT_TRUE(cursor.has_more());
  cursor.fetching = true;
  EXPECT_FALSE(cursor.has_more());
  cursor.fetching = false;
  cursor.stuck = true;
  EXPECT_FALSE(cursor.has_more());
  cursor.stuck = false;
  cursor.next = Offset(2);
  EXPECT_FALSE(cursor.has_more());
}

}  // namespace
}  // namespace bimip::frontend
