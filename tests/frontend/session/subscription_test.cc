#include "frontend/session/subscription.h"

#include <gtest/gtest.h>

namespace bimip::frontend {
namespace {

OffsetRange range(std::uint64_t first, std::uint64_t end) {
  return {.first = Offset(first), .end = Offset(end)};
}

TEST(Cursor, StandsAtItsLowestUnacknowledgedRecord) {
  Cursor cursor{.next = Offset(7)};
  EXPECT_EQ(cursor.position(), Offset(7));
  cursor.ledger.deliver(Offset(4), Ledger::kNever);
  EXPECT_EQ(cursor.position(), Offset(4));
  cursor.ledger.acknowledge(range(0, 5));
  EXPECT_EQ(cursor.position(), Offset(7));
}

TEST(Cursor, KnowsHowOftenMembersBeforeHadARecord) {
  Cursor cursor;
  EXPECT_EQ(cursor.attempts_of(Offset(3)), 0U);
  cursor.attempts = {{.offsets = range(2, 4), .deliveries = 2},
                     {.offsets = range(8, 9), .deliveries = 5}};
  EXPECT_EQ(cursor.attempts_of(Offset(1)), 0U);
  EXPECT_EQ(cursor.attempts_of(Offset(3)), 2U);
  EXPECT_EQ(cursor.attempts_of(Offset(4)), 0U);
  EXPECT_EQ(cursor.attempts_of(Offset(8)), 5U);
  EXPECT_EQ(cursor.attempts_of(Offset(9)), 0U);
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
