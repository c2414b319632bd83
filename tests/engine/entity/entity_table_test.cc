#include "engine/entity/entity_table.h"

#include <gtest/gtest.h>

#include <map>

#include "engine/base/random.h"

namespace bimip::engine {
namespace {

EntityHash random_hash(Random& random) {
  return {.high = random.next(), .low = static_cast<std::uint32_t>(random.next()) & 0xFFFFFFU};
}

// Random puts and erasures, against a map; some hashes lie close together.
TEST(EntityTable, HoldsWhatAMapHolds) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    EntityTable table;
    std::map<EntityHash, EntityRecord> model;
    std::vector<EntityHash> known;
    for (int i = 0; i < 40'000; ++i) {
      EntityHash hash = random_hash(random);
      if (random.one_in(4)) hash.high = 7 + random.below(2000);
      if (!known.empty() && random.one_in(3)) hash = known[random.below(known.size())];
      const auto there = model.find(hash);
      if (random.one_in(5)) {
        ASSERT_EQ(table.erase(hash), there != model.end());
        if (there != model.end()) model.erase(there);
        continue;
      }
      const EntityRecord record{.increment = IncrementId(1 + random.below(1ULL << 46U)),
                                .offset = Offset(random.below(kEntityNumberMax))};
      const std::optional<EntityRecord> before = table.put(hash, record);
      ASSERT_EQ(before.has_value(), there != model.end());
      ASSERT_TRUE(!before || *before == there->second);
      model[hash] = record;
      known.push_back(hash);
    }
    ASSERT_EQ(table.size(), model.size());
    for (const auto& [hash, record] : model) ASSERT_EQ(table.find(hash), std::optional(record));
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(table.find(random_hash(random)), std::nullopt);

    std::vector<EntityNewest> listed;
    EntityHash from{};
    while (true) {
      const std::vector<EntityNewest> page = table.list(from, 101);
      for (const EntityNewest& entity : page) {
        if (listed.empty() || listed.back().hash != entity.hash) listed.push_back(entity);
      }
      if (page.size() < 101) break;
      from = page.back().hash;
    }
    ASSERT_EQ(listed.size(), model.size());
    auto expected = model.begin();
    for (const EntityNewest& entity : listed) {
      ASSERT_EQ(entity.hash, expected->first);
      ASSERT_EQ(entity.newest, expected->second);
      ++expected;
    }
  }
}

TEST(EntityTable, TakesLessThan32BytesAnEntity) {
  Random random(9);
  EntityTable table;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) {
    table.put(random_hash(random), {.increment = IncrementId(1), .offset = Offset(i)});
    if (i % 50'000 != 49'999) continue;
    ASSERT_LT(static_cast<double>(table.bytes()) / static_cast<double>(table.size()), 31.0) << i;
  }
}

TEST(EntityTable, EvictsTheColdestOfAFewAndNoneThatIsNotOnTheDisk) {
  Random random(4);
  EntityTable table;
  for (std::uint64_t i = 0; i < 10'000; ++i)
    table.put(random_hash(random), {.increment = IncrementId(1), .offset = Offset(i)});
  std::size_t evicted = 0;
  for (int i = 0; i < 3000; ++i) evicted += table.evict_near(random_hash(random), Offset(5000));
  EXPECT_GT(evicted, 2900U) << "few have no cold neighbour left";
  EXPECT_EQ(table.size(), 10'000 - evicted);
  std::uint64_t cold = 0;
  for (const EntityNewest& entity : table.list({}, 10'000))
    cold += entity.newest.offset < Offset(1000);
  EXPECT_LT(cold, 100U) << "of a thousand";
  EXPECT_FALSE(table.evict_near(random_hash(random), Offset(0)));
}

}  // namespace
}  // namespace bimip::engine
