#include "frontend/session/entity_count.h"

#include <gtest/gtest.h>

namespace bimip::frontend {
namespace {

TEST(EntityCount, LetsEachEntityHaveSoManySessions) {
  EntityCount count(2);
  auto first = count.add("alice");
  const auto second = count.add("alice");
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(count.add("alice"));
  EXPECT_TRUE(count.add("bob"));
  first.reset();
  EXPECT_TRUE(count.add("alice"));
}

TEST(EntityCount, CountsOneThatTakesAnothersPlaceBeyondTheMost) {
  EntityCount count(1);
  auto older = count.add("alice");
  {
    const EntityCount::Entry newer = count.add_in_place("alice");
    older.reset();
    EXPECT_FALSE(count.add("alice"));
  }
  EXPECT_TRUE(count.add("alice"));
}

TEST(EntityCount, CountsAMovedEntryOnce) {
  EntityCount count(1);
  auto entry = count.add("alice");
  {
    const EntityCount::Entry moved = std::move(*entry);
    entry.reset();
    EXPECT_FALSE(count.add("alice"));
  }
  EXPECT_TRUE(count.add("alice"));
}

}  // namespace
}  // namespace bimip::frontend
