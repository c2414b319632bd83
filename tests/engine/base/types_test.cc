#include "engine/base/types.h"

#include <gtest/gtest.h>

#include <concepts>
#include <unordered_set>

namespace bimip::engine {
namespace {

template <typename A, typename B>
concept Addable = requires(A a, B b) { a + b; };
template <typename A, typename B>
concept Comparable = requires(A a, B b) { a < b; };

// An offset is never taken for a position, nor a bare number for either.
static_assert(!std::convertible_to<std::uint64_t, Offset>);
static_assert(!std::convertible_to<Offset, std::uint64_t>);
static_assert(!std::constructible_from<Offset, FilePosition>);
static_assert(!Comparable<Offset, FilePosition>);
static_assert(!Comparable<Offset, std::uint64_t>);
static_assert(!Addable<Offset, Offset>);
static_assert(Addable<Offset, std::uint64_t>);
static_assert(sizeof(Offset) == 8 && sizeof(TopicId) == 4 && sizeof(PartitionId) == 4);

TEST(Number, AddsAndSubtractsItsOwnKind) {
  Offset offset(7);
  EXPECT_EQ((offset + 3).value(), 10U);
  EXPECT_EQ((offset - 3).value(), 4U);
  EXPECT_EQ(offset - Offset(2), 5U);
  ++offset;
  offset += 2;
  EXPECT_EQ(offset, Offset(10));
  EXPECT_LT(Offset(9), offset);
  EXPECT_EQ(Offset().value(), 0U);
}

TEST(Number, HashesByItsValue) {
  std::unordered_set<Offset> offsets{Offset(1), Offset(2), Offset(1)};
  EXPECT_EQ(offsets.size(), 2U);
}

TEST(Id128, IsNoneOnlyWhenAllZeros) {
  EXPECT_TRUE(Id128{}.is_none());
  EXPECT_FALSE((Id128{.high = 1, .low = 0}).is_none());
  EXPECT_FALSE((Id128{.high = 0, .low = 1}).is_none());
}

TEST(Id128, HashesBothHalves) {
  const std::hash<Id128> hash;
  EXPECT_NE(hash({.high = 0, .low = 1}), hash({.high = 1, .low = 0}));
  EXPECT_NE(hash({.high = 1, .low = 1}), hash({.high = 0, .low = 0}));
}

}  // namespace
}  // namespace bimip::engine
