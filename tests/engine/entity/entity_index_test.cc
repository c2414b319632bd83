#include "engine/entity/entity_index.h"

#include <gtest/gtest.h>

namespace bimip::engine {
namespace {

constexpr StoreId kStore{.high = 1, .low = 2};

EntityHash hash_of(std::string_view key) { return entity_hash(kStore, as_bytes(key)); }

TEST(EntityIndex, ShowsWhatWasPublishedAndNoMore) {
  EntityIndex index(kStore, 1000);
  const EntityHash alice = hash_of("alice");
  EXPECT_EQ(index.append(alice, Offset(0))->increment, IncrementId(1));
  EXPECT_EQ(index.find(alice).newest, std::nullopt);
  index.published(Offset(1));
  const std::optional<EntityLink> second = index.append(alice, Offset(1));
  const std::optional<EntityLink> third = index.append(alice, Offset(2));
  EXPECT_EQ(*second, (EntityLink{.increment = IncrementId(2), .previous = Offset(0)}));
  EXPECT_EQ(*third, (EntityLink{.increment = IncrementId(3), .previous = Offset(1)}));
  EXPECT_EQ(index.find(alice).newest, (EntityRecord{IncrementId(1), Offset(0)}));
  ASSERT_EQ(index.list({}, 5).entities.size(), 1U);
  EXPECT_EQ(index.list({}, 5).entities[0].newest.increment, IncrementId(1));
  index.published(Offset(2));
  EXPECT_EQ(index.find(alice).newest, (EntityRecord{IncrementId(2), Offset(1)}));
}

TEST(EntityIndex, TakesBackWhatWillNeverBePublished) {
  EntityIndex index(kStore, 1000);
  ASSERT_TRUE(index.append(hash_of("alice"), Offset(0)));
  index.published(Offset(1));
  ASSERT_TRUE(index.append(hash_of("alice"), Offset(1)));
  ASSERT_TRUE(index.append(hash_of("alice"), Offset(2)));
  ASSERT_TRUE(index.append(hash_of("bob"), Offset(3)));
  index.undo();
  EXPECT_EQ(index.find(hash_of("alice")).newest, (EntityRecord{IncrementId(1), Offset(0)}));
  EXPECT_EQ(index.find(hash_of("bob")).newest, std::nullopt);
  EXPECT_EQ(index.size(), 1U);
}

TEST(EntityIndex, LeavesOutAnIncrementForEachLostRecordThatMayHaveBeenTheEntitys) {
  EntityIndex index(kStore, 1000);
  index.load(hash_of("alice"), {.increment = IncrementId(4), .offset = Offset(50)});
  index.load(hash_of("bob"), {.increment = IncrementId(4), .offset = Offset(8)});
  index.lose({.offsets = {.first = Offset(10), .end = Offset(13)}});
  const EntityHash carol = hash_of("carol");
  index.lose({.offsets = {.first = Offset(20), .end = Offset(25)}, .first = carol, .last = carol});
  EXPECT_EQ(index.append(hash_of("alice"), Offset(60))->increment, IncrementId(5));
  EXPECT_EQ(index.append(hash_of("bob"), Offset(61))->increment, IncrementId(8));
  EXPECT_EQ(index.append(hash_of("dave"), Offset(62))->increment, IncrementId(4));
  EXPECT_EQ(index.append(carol, Offset(63))->increment, IncrementId(9));
  EXPECT_EQ(index.append(carol, Offset(64))->increment, IncrementId(10));
}

TEST(EntityIndex, AboveItsLimitAsksForWhatIsNotThere) {
  EntityIndex index(kStore, 100);
  index.set_evictable_end(Offset(1000));
  for (std::uint64_t i = 0; i < 300; ++i)
    index.load(hash_of("key-" + std::to_string(i)),
               {.increment = IncrementId(7), .offset = Offset(i)});
  index.published(Offset(1000));
  EXPECT_EQ(index.size(), 100U);
  EXPECT_FALSE(index.is_complete());
  std::vector<EntityHash> elsewhere;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const EntityHash hash = hash_of("key-" + std::to_string(i));
    if (index.find(hash).elsewhere) elsewhere.push_back(hash);
  }
  ASSERT_EQ(elsewhere.size(), 200U);
  EXPECT_EQ(index.append(elsewhere[0], Offset(2000)), std::nullopt);
  index.learn({{.hash = elsewhere[0], .newest = EntityRecord{IncrementId(7), Offset(3)}},
               {.hash = elsewhere[1], .newest = {}}});
  EXPECT_TRUE(index.is_here(elsewhere[0]));
  EXPECT_EQ(*index.append(elsewhere[0], Offset(2000)),
            (EntityLink{.increment = IncrementId(8), .previous = Offset(3)}));
  EXPECT_EQ(*index.append(elsewhere[1], Offset(2001)),
            (EntityLink{.increment = IncrementId(1), .previous = {}}));
  EXPECT_LE(index.size(), 100U);
}

}  // namespace
}  // namespace bimip::engine
