#include "engine/partition/partition_reader.h"

#include "tests/engine/partition/partition_bench.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;

constexpr TopicConfig kSmallSegments{.segment_bytes = limits::kSegmentBytesMin};

class PartitionReaderTest : public PartitionBench {
 protected:
  // So many records, a second apart, the i-th of them i; several segments, too full to be packed.
  void fill(int records, std::size_t bytes = 12'000) {
    for (int i = 0; i < records; ++i) {
      std::string value = std::to_string(i) + ":";
      value.resize(bytes, 'x');
      append(value);
      settle();
      clock_.pass(1s);
    }
  }
  // What the reader answers when nothing is in memory.
  void forget() {
    tail_.drop(TopicId(1), PartitionId(0));
    ahead_.drop(TopicId(1), PartitionId(0));
  }
  void damage(const std::string& name, std::uint64_t position) {
    ASSERT_TRUE(device_.flip_bit(path(name), FilePosition(position), 3));
  }
};

TEST_F(PartitionReaderTest, BeginsAtAnyOffset) {
  open(kSmallSegments);
  fill(30);
  for (std::uint64_t from = 0; from < 30; ++from) {
    forget();
    const Records records = read(Offset(from));
    ASSERT_EQ(records.size(), 30 - from);
    EXPECT_EQ(records.front().offset, from);
  }
}

TEST_F(PartitionReaderTest, AnswersHalfOpenRangesThatFollowOneAnother) {
  open(kSmallSegments);
  fill(20);
  forget();
  Offset from(3);
  while (from < Offset(20)) {
    const Result<RecordBatch> batch = reader().read_disk(from, 1);
    ASSERT_TRUE(batch) << batch.error().message;
    EXPECT_EQ(batch->range().first, from);
    ASSERT_GT(batch->range().end, from) << "at least one block, whatever its size";
    from = batch->range().end;
  }
  const Result<RecordBatch> end = reader().read_disk(from, 1);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->range(), (OffsetRange{.first = Offset(20), .end = Offset(20)}));
}

TEST_F(PartitionReaderTest, BeginsInTheMiddleOfABlock) {
  open();
  append_all({"a", "b", "c", "d"});
  settle();
  EXPECT_EQ(read(Offset(2)), (Records{{2, "", "c"}, {3, "", "d"}}));
  forget();
  EXPECT_EQ(read(Offset(2)), (Records{{2, "", "c"}, {3, "", "d"}}));
}

TEST_F(PartitionReaderTest, SaysWhatThereIsWhenAskedForWhatIsNot) {
  open();
  append_all({"a", "b"});
  settle();
  const Result<RecordBatch> batch = reader().read_disk(Offset(3), 1000);
  ASSERT_FALSE(batch);
  EXPECT_EQ(batch.error().code, ErrorCode::kOutOfRange);
  EXPECT_EQ(batch.error().range, (OffsetRange{.first = Offset(0), .end = Offset(2)}));
}

TEST_F(PartitionReaderTest, ReadsTheTailWithoutTheDisk) {
  open();
  append_all({"a", "b"});
  settle();
  const std::uint64_t reads = device_.counters().reads;
  const auto batch = reader().read_memory(Offset(1), 1000);
  ASSERT_TRUE(batch && *batch);
  EXPECT_EQ((*batch)->range(), (OffsetRange{.first = Offset(1), .end = Offset(2)}));
  EXPECT_EQ(device_.counters().reads, reads);
  forget();
  EXPECT_FALSE(reader().read_memory(Offset(1), 1000)) << "that takes the disk";
}

TEST_F(PartitionReaderTest, FindsTheFirstRecordNotBeforeATime) {
  open(kSmallSegments);
  const Timestamp begin = clock_.now();
  fill(25);
  for (const std::uint64_t i : {0U, 1U, 6U, 12U, 24U}) {
    EXPECT_EQ(*reader().find_time(begin + std::chrono::seconds(i)), Offset(i));
    EXPECT_EQ(*reader().find_time(begin + std::chrono::seconds(i) - 1ms), Offset(i));
  }
  EXPECT_EQ(*reader().find_time(begin - 1h), Offset(0));
  EXPECT_EQ(*reader().find_time(begin + 1h), Offset(25)) << "the end: what comes next";
}

TEST_F(PartitionReaderTest, FindsNoTimeInAnEmptyLog) {
  open();
  EXPECT_EQ(*reader().find_time(clock_.now()), Offset(0));
}

TEST_F(PartitionReaderTest, DamageCostsItsBlockAndIsNamed) {
  open(kSmallSegments);
  fill(20);
  ASSERT_TRUE(stop());
  damage("0000000001.segment", limits::kSectorBytes + 3 * block_bytes_for(12'020) + 100);
  open(kSmallSegments);
  const Records records = read();
  ASSERT_EQ(gaps_.size(), 1U);
  EXPECT_EQ(gaps_[0], (OffsetRange{.first = Offset(3), .end = Offset(4)}));
  EXPECT_EQ(records.size(), 19U);
  EXPECT_EQ(read(Offset(4)).front().offset, 4U);
  append("writing goes on");
  settle();
  EXPECT_EQ(read().size(), 20U);
}

// What was durable is never cut off, whatever it looks like now.
TEST_F(PartitionReaderTest, DamageInTheActiveSegmentCostsItsBlockToo) {
  open();
  fill(5);
  ASSERT_TRUE(stop());
  const std::uint64_t second = limits::kSectorBytes + block_bytes_for(12'020);
  damage("0000000001.segment", second + 200);
  const std::vector<std::byte> before = *device_.contents(path("0000000001.segment"));
  open();
  EXPECT_TRUE(report_.torn.empty());
  ASSERT_EQ(report_.damaged.size(), 1U);
  EXPECT_EQ(report_.damaged[0].offsets, (OffsetRange{.first = Offset(1), .end = Offset(2)}));
  EXPECT_EQ(*device_.contents(path("0000000001.segment")), before) << "no byte of it is changed";
  EXPECT_EQ(read().size(), 4U);
  ASSERT_EQ(gaps_.size(), 1U);
  EXPECT_EQ(gaps_[0], report_.damaged[0].offsets);
  append("writing goes on");
  settle();
  EXPECT_EQ(read().size(), 5U);
  open();
  EXPECT_EQ(report_.damaged.size(), 1U) << "and is not forgotten";
  EXPECT_EQ(report_.log_end, Offset(6));
}

TEST_F(PartitionReaderTest, AnActiveSegmentCutShortAnywhereIsRecovered) {
  for (const std::uint64_t length : {100U, 4096U, 4100U, 9000U, 20'000U, 45'001U}) {
    ASSERT_TRUE(device_.create_directory("p"));
    open();
    fill(3);
    ASSERT_TRUE(stop());
    close();
    std::vector<std::byte> bytes = *device_.contents(path("0000000001.segment"));
    bytes.resize(length);
    ASSERT_TRUE(device_.set_contents(path("0000000001.segment"), bytes));
    open();
    const std::size_t left = read().size();
    EXPECT_LE(left, 3U);
    append("writing goes on");
    settle();
    EXPECT_EQ(read().size(), left + 1) << length;
    close();
    const std::vector<std::string> names = *device_.list("p");
    for (const std::string& name : names) ASSERT_TRUE(device_.remove(path(name)));
  }
}

TEST_F(PartitionReaderTest, ASealedSegmentThatIsCutShortIsOneGap) {
  open(kSmallSegments);
  fill(20);
  ASSERT_TRUE(stop());
  std::vector<std::byte> bytes = *device_.contents(path("0000000001.segment"));
  bytes.resize(bytes.size() / 2);
  ASSERT_TRUE(device_.set_contents(path("0000000001.segment"), bytes));
  open(kSmallSegments);
  ASSERT_EQ(report_.damaged.size(), 1U);
  const Records records = read();
  ASSERT_EQ(gaps_.size(), 1U);
  EXPECT_EQ(gaps_[0], report_.damaged[0].offsets);
  EXPECT_EQ(records.front().offset, gaps_[0].end.value()) << "the next segment is whole";
}

// A time is looked for where it can be: what cannot be opened is passed over.
TEST_F(PartitionReaderTest, FindsATimeBehindASegmentThatIsGone) {
  open(kSmallSegments);
  const Timestamp begin = clock_.now();
  fill(20);
  ASSERT_TRUE(stop());
  ASSERT_TRUE(device_.remove(path("0000000001.segment")));
  open(kSmallSegments);
  read();
  ASSERT_EQ(gaps_.size(), 1U);
  const Result<Offset> found = reader().find_time(begin + 1s);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, gaps_[0].end);
  EXPECT_EQ(*reader().find_time(begin + 15s), Offset(15));
}

TEST_F(PartitionReaderTest, ReadsAheadForWhoGoesOn) {
  open(kSmallSegments);
  fill(30);
  forget();
  Records records;
  std::uint64_t waited = 0;  // reads of the disk that a reader had to wait for
  const Offset end = reader().segments().front().first;  // of the sealed ones
  ASSERT_GT(end, Offset(10));
  for (Offset from(0); from < end;) {
    const std::uint64_t before = device_.counters().reads;
    const Result<RecordBatch> batch = reader().read_disk(from, 1);
    ASSERT_TRUE(batch) << batch.error().message;
    waited += device_.counters().reads - before;
    from = batch->range().end;
    reader().read_on(from);
  }
  EXPECT_LE(waited, 1U + reader().segments().size()) << "the first piece, and segments' indexes";
  const std::uint64_t before = device_.counters().reads;
  reader().read_on(Offset(1));
  EXPECT_EQ(device_.counters().reads, before) << "it is there";
}

TEST_F(PartitionReaderTest, APieceThatCannotBeReadIsMetAgainByWhoComesThere) {
  open(kSmallSegments);
  fill(30);
  forget();
  const Result<RecordBatch> first = reader().read_disk(Offset(0), 1);
  ASSERT_TRUE(first);
  const OffsetRange second = *std::prev(reader().segments().end(), 2);
  device_.fail_next(
      {.operation = SimOperation::kRead, .path_contains = "0000000002.segment", .times = 2});
  reader().read_on(second.first);
  const Result<RecordBatch> batch = reader().read_disk(second.first, 1);
  ASSERT_TRUE(batch) << batch.error().message;
  EXPECT_EQ(batch->range().first, second.first);
}

TEST_F(PartitionReaderTest, AReadErrorIsNoDamage) {
  open(kSmallSegments);
  fill(20);
  forget();
  // The large read, and then that of what is wanted.
  device_.fail_next(
      {.operation = SimOperation::kRead, .path_contains = "0000000001.segment", .times = 2});
  const Result<RecordBatch> batch = reader().read_disk(Offset(0), 1000);
  ASSERT_FALSE(batch);
  EXPECT_EQ(batch.error().code, ErrorCode::kIo);
  EXPECT_TRUE(reader().read_disk(Offset(0), 1000)) << "the next attempt reads it";
}

}  // namespace
}  // namespace bimip::testing
