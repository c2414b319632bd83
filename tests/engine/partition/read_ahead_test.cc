#include "engine/partition/read_ahead.h"

#include <gtest/gtest.h>

#include <thread>

namespace bimip::testing {
namespace {

using namespace bimip::engine;  // NOLINT: tests read better without it

using Bases = std::vector<std::uint64_t>;

constexpr std::size_t kPieces = 3;

class ReadAheadTest : public ::testing::Test {
 protected:
  static SegmentIdentity segment(std::uint32_t epoch, std::uint32_t partition = 0) {
    return {.topic = TopicId(1), .partition = PartitionId(partition), .epoch = Epoch(epoch)};
  }
  // Blocks of ten offsets each.
  void add(std::uint64_t base, int count, const SegmentIdentity& of = segment(1)) {
    auto memory = std::make_shared<Buffer>(ahead_.pool().take(limits::kBlockBytesMax));
    std::vector<BlockRef> blocks;
    for (int i = 0; i < count; ++i) {
      BlockHeader header;
      header.identity = of;
      header.base_offset = Offset(base + 10 * static_cast<std::uint64_t>(i));
      header.offset_span = 10;
      header.payload_bytes = 1000;
      blocks.push_back(std::make_shared<const Block>(header, Bytes(memory->bytes()), memory));
    }
    ahead_.add(of, std::move(blocks));
  }
  Bases find(std::uint64_t from, std::uint64_t end, std::size_t bytes_max = 1'000'000,
             const SegmentIdentity& of = segment(1)) {
    Bases bases;
    for (const BlockRef& one :
         ahead_.find(of, {.first = Offset(from), .end = Offset(end)}, bytes_max))
      bases.push_back(one->header.base_offset.value());
    return bases;
  }
  bool is_worth_it(std::uint64_t from, std::uint64_t position,
                   const SegmentIdentity& of = segment(1)) {
    return ahead_.is_worth_it({.segment = of,
                               .goes_on = from == 0,
                               .from = Offset(from),
                               .position = FilePosition(position),
                               .segment_end = FilePosition(64'000'000)});
  }

  ReadAhead ahead_{kPieces * limits::kBlockBytesMax};
};

TEST_F(ReadAheadTest, HasWhatIsInAPieceAndNothingElse) {
  EXPECT_EQ(find(0, 100), (Bases{}));
  add(100, 3);
  EXPECT_EQ(find(99, 200), (Bases{}));
  EXPECT_EQ(find(100, 200), (Bases{100, 110, 120}));
  EXPECT_EQ(find(119, 200), (Bases{110, 120}));
  EXPECT_EQ(find(129, 200), (Bases{120}));
  EXPECT_EQ(find(130, 200), (Bases{}));
  EXPECT_EQ(find(100, 111), (Bases{100, 110})) << "none begins at the end or behind it";
  EXPECT_EQ(find(100, 200, 2'000), (Bases{100, 110}));
  EXPECT_EQ(find(100, 200, 1), (Bases{100})) << "at least one";
  EXPECT_EQ(find(100, 200, 1'000'000, segment(2)), (Bases{})) << "another segment";
}

TEST_F(ReadAheadTest, LetsGoOfTheOldestPiece) {
  for (std::uint64_t i = 0; i < kPieces; ++i) add(100 * i, 2);
  EXPECT_EQ(find(0, 1000), (Bases{0, 10}));
  add(1000, 1);
  EXPECT_EQ(find(0, 1000), (Bases{}));
  EXPECT_EQ(find(100, 1000), (Bases{100, 110}));
  EXPECT_EQ(find(1000, 2000), (Bases{1000}));
}

TEST_F(ReadAheadTest, IsWorthItForWhoGoesOnWhereSomebodyEnded) {
  EXPECT_TRUE(is_worth_it(0, 4096)) << "who begins a segment will go on";
  EXPECT_FALSE(is_worth_it(500, 20'000'000)) << "nobody ended there";
  ahead_.ended(segment(1), Offset(500));
  EXPECT_TRUE(is_worth_it(500, 20'000'000));
  EXPECT_FALSE(is_worth_it(501, 40'000'000));
  EXPECT_FALSE(is_worth_it(500, 20'000'000, segment(2)));
}

TEST_F(ReadAheadTest, LeavesWhatIsReadAgainToThePageCache) {
  EXPECT_TRUE(is_worth_it(0, 4096));
  EXPECT_FALSE(is_worth_it(0, 4096));
  ahead_.ended(segment(1), Offset(500));
  EXPECT_TRUE(is_worth_it(500, 63'000'000));
  EXPECT_FALSE(is_worth_it(500, 63'100'000)) << "the same place";
  ahead_.forget(segment(1));
  EXPECT_TRUE(is_worth_it(0, 4096)) << "nobody knows any more";
}

TEST_F(ReadAheadTest, SaysWhatComesBehindAPieceUntilItIsThere) {
  const auto behind = [this](std::uint64_t offset) {
    return ahead_.piece_end(TopicId(1), PartitionId(0), Offset(offset));
  };
  EXPECT_EQ(behind(100), std::nullopt);
  add(100, 3);
  EXPECT_EQ(behind(100), std::nullopt) << "who came there has nothing of the piece yet";
  EXPECT_EQ(behind(101), Offset(130));
  EXPECT_EQ(behind(130), Offset(130));
  EXPECT_EQ(behind(131), std::nullopt);
  EXPECT_EQ(ahead_.piece_end(TopicId(1), PartitionId(1), Offset(110)), std::nullopt);
  add(130, 1);
  EXPECT_EQ(behind(110), std::nullopt);
  EXPECT_EQ(behind(131), Offset(140));
}

TEST_F(ReadAheadTest, WhoComesToAPieceThatIsOnItsWayWaitsForIt) {
  const ReadAhead::Place place{.segment = segment(1),
                               .goes_on = true,
                               .from = Offset(100),
                               .position = FilePosition(4096),
                               .segment_end = FilePosition(64'000'000)};
  ASSERT_TRUE(ahead_.begin_piece(place));
  EXPECT_FALSE(ahead_.begin_piece(place)) << "once";
  EXPECT_EQ(find(110, 200), (Bases{})) << "nobody knows that it will be in there";
  Bases found;
  std::thread reader([&] { found = find(100, 200); });
  add(100, 2);
  ahead_.end_piece(place);
  reader.join();
  EXPECT_EQ(found, (Bases{100, 110}));
}

TEST_F(ReadAheadTest, ForgetsASegmentOrAPartition) {
  add(0, 1, segment(1));
  add(0, 1, segment(2));
  add(0, 1, segment(1, 7));
  ahead_.forget(segment(1));
  EXPECT_EQ(find(0, 9, 1, segment(1)), (Bases{}));
  EXPECT_EQ(find(0, 9, 1, segment(2)), (Bases{0}));
  ahead_.drop(TopicId(1), PartitionId(0));
  EXPECT_EQ(find(0, 9, 1, segment(2)), (Bases{}));
  EXPECT_EQ(find(0, 9, 1, segment(1, 7)), (Bases{0}));
}

}  // namespace
}  // namespace bimip::testing
