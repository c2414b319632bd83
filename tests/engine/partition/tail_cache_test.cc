#include "engine/partition/tail_cache.h"

#include <gtest/gtest.h>

namespace bimip::testing {
namespace {

using namespace bimip::engine;  // NOLINT: tests read better without it

constexpr TopicId kTopic(1);
constexpr PartitionId kPartition(0);

class TailCacheTest : public ::testing::Test {
 protected:
  // A block of `span` offsets that takes a sector.
  BlockRef block(std::uint64_t base, std::uint32_t span, PartitionId partition = kPartition) {
    BlockHeader header;
    header.identity = {.topic = kTopic, .partition = partition};
    header.base_offset = Offset(base);
    header.offset_span = span;
    header.payload_bytes = 1000;
    auto memory = std::make_shared<Buffer>(pool_.take(limits::kSectorBytes));
    return std::make_shared<const Block>(header, Bytes(memory->bytes()), memory);
  }
  static std::vector<std::uint64_t> bases(const std::vector<BlockRef>& blocks) {
    std::vector<std::uint64_t> bases;
    for (const BlockRef& one : blocks) bases.push_back(one->header.base_offset.value());
    return bases;
  }
  std::vector<std::uint64_t> find(std::uint64_t from, std::uint64_t end,
                                  std::size_t bytes_max = 1'000'000) {
    return bases(
        cache_.find(kTopic, kPartition, {.first = Offset(from), .end = Offset(end)}, bytes_max));
  }

  BufferPool pool_{16 * limits::kSectorBytes};
  TailCache cache_{4 * limits::kSectorBytes};
};

using Bases = std::vector<std::uint64_t>;

TEST_F(TailCacheTest, FindsTheBlockThatHoldsAnOffsetAndWhatFollows) {
  cache_.add(block(0, 10));
  cache_.add(block(10, 5));
  cache_.add(block(15, 1));
  EXPECT_EQ(find(0, 16), (Bases{0, 10, 15}));
  EXPECT_EQ(find(9, 16), (Bases{0, 10, 15}));
  EXPECT_EQ(find(10, 16), (Bases{10, 15}));
  EXPECT_EQ(find(15, 16), (Bases{15}));
  EXPECT_EQ(find(16, 20), (Bases{}));
}

TEST_F(TailCacheTest, EndsBeforeTheEndOfWhatIsWanted) {
  cache_.add(block(0, 10));
  cache_.add(block(10, 5));
  EXPECT_EQ(find(2, 10), (Bases{0}));
  EXPECT_EQ(find(2, 11), (Bases{0, 10}));
}

TEST_F(TailCacheTest, AnswersAtLeastOneBlockAndNoMoreThanAsked) {
  cache_.add(block(0, 10));
  cache_.add(block(10, 5));
  EXPECT_EQ(find(0, 15, 1), (Bases{0}));
  EXPECT_EQ(find(0, 15, 1999), (Bases{0}));
  EXPECT_EQ(find(0, 15, 2000), (Bases{0, 10}));
}

TEST_F(TailCacheTest, NeverSkipsAHole) {
  cache_.add(block(0, 10));
  cache_.add(block(12, 5));
  EXPECT_EQ(find(0, 17), (Bases{0}));
  EXPECT_EQ(find(11, 17), (Bases{}));
}

TEST_F(TailCacheTest, ForgetsTheOldestBlockOfAllPartitionsFirst) {
  cache_.add(block(0, 1));
  cache_.add(block(0, 1, PartitionId(1)));
  cache_.add(block(1, 1));
  cache_.add(block(2, 1));
  EXPECT_EQ(find(0, 9), (Bases{0, 1, 2}));
  cache_.add(block(3, 1));
  EXPECT_EQ(find(0, 9), (Bases{}));
  EXPECT_EQ(find(1, 9), (Bases{1, 2, 3}));
  cache_.add(block(4, 1));
  EXPECT_EQ(find(1, 9), (Bases{1, 2, 3, 4})) << "the other partition's went";
  EXPECT_TRUE(
      cache_.find(kTopic, PartitionId(1), {.first = Offset(0), .end = Offset(1)}, 1).empty());
}

TEST_F(TailCacheTest, DropsOnePartitionOnly) {
  cache_.add(block(0, 1));
  cache_.add(block(0, 1, PartitionId(1)));
  cache_.drop(kTopic, kPartition);
  EXPECT_EQ(find(0, 9), (Bases{}));
  EXPECT_EQ(cache_.find(kTopic, PartitionId(1), {.first = Offset(0), .end = Offset(1)}, 1).size(),
            1U);
  for (std::uint64_t i = 0; i < 4; ++i) cache_.add(block(i, 1));
  EXPECT_EQ(find(0, 9), (Bases{0, 1, 2, 3})) << "what was dropped takes no room";
}

TEST_F(TailCacheTest, ABlockLivesAsLongAsSomebodyReadsIt) {
  cache_.add(block(0, 1));
  const auto held = cache_.find(kTopic, kPartition, {.first = Offset(0), .end = Offset(1)}, 1);
  for (std::uint64_t i = 1; i < 9; ++i) cache_.add(block(i, 1));
  EXPECT_EQ(held[0]->header.base_offset, Offset(0));
  EXPECT_EQ(held[0]->memory->bytes().size(), limits::kSectorBytes);
}

}  // namespace
}  // namespace bimip::testing
