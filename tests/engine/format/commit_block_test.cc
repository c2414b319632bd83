#include "engine/format/commit_block.h"

#include <gtest/gtest.h>

#include "engine/format/log_tail.h"
#include "tests/engine/format/samples.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;

TEST(CommitBlock, IsTheLeastNumberOfSectorsThatHoldsItsRecords) {
  EXPECT_EQ(block_bytes_for(0), 4096U);
  EXPECT_EQ(block_bytes_for(4096 - 160), 4096U);
  EXPECT_EQ(block_bytes_for(4096 - 159), 8192U);
  EXPECT_EQ(block_bytes_for(limits::kBlockBytesMax - 160), limits::kBlockBytesMax);
}

TEST(CommitBlock, MayBeAsLargeAsItsLimit) {
  RecordFields first;
  first.timestamp = sample_time();
  const std::vector<std::byte> value(limits::kRecordBytesMax - kRecordBytesMin, std::byte{7});
  first.value = value;
  RecordFields second = first;
  second.value = Bytes(value).first(value.size() - kBlockHeaderBytes);
  const SampleBlock block = make_block(std::vector{first, second});
  ASSERT_EQ(block.bytes.size(), limits::kBlockBytesMax);
  const Result<BlockHeader> header = decode_block_header(block.bytes);
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_TRUE(check_payload(*header, block.bytes));
}

TEST(CommitBlock, ZeroesItsPadding) {
  const SampleBlock block = sample_block();  // its memory was 0xEE before
  for (std::size_t at = kBlockHeaderBytes + block.header.payload_bytes; at < block.bytes.size();
       ++at)
    ASSERT_EQ(block.bytes[at], std::byte{0}) << at;
}

TEST(CommitBlock, ItsChecksumVouchesForItsRecordsAndForTheBlockBefore) {
  const Hash128 checksum = sample_block().header.checksum;
  SampleBlock other = sample_block();
  other.bytes[kBlockHeaderBytes + 30] ^= std::byte{1};
  finish_block(other.header, other.bytes);
  EXPECT_NE(other.header.checksum, checksum);
  other = sample_block();
  other.header.previous.low ^= 1;
  finish_block(other.header, other.bytes);
  EXPECT_NE(other.header.checksum, checksum);
}

TEST(CommitBlockDeathTest, IsNotWrittenWithAHeaderThatContradictsItself) {
  SampleBlock block = sample_block();
  block.header.durable_offset = block.header.base_offset + 1;
  EXPECT_DEATH(finish_block(block.header, block.bytes), "is_consistent");
}

// What the cursor says of a block of these records after `change` to the finished header.
Status walk(std::span<const RecordFields> fields, auto change) {
  SampleBlock block = make_block(fields);
  change(block.header);
  RecordCursor records(block.header, block.bytes);
  while (!records.done()) {
    const Result<Record> record = records.next();
    if (!record) {
      EXPECT_TRUE(records.done()) << "goes on behind damage";
      return std::unexpected(record.error());
    }
  }
  return {};
}

TEST(RecordCursor, GivesTheRecordsInOrderThenIsDone) {
  const std::vector<RecordFields> fields{sample_record(), sample_smallest_record(),
                                         sample_tombstone()};
  const SampleBlock block = make_block(fields);
  RecordCursor records(block.header, block.bytes);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    ASSERT_FALSE(records.done());
    const Result<Record> record = records.next();
    ASSERT_TRUE(record) << record.error().message;
    EXPECT_EQ(record->offset, Offset(1001) + i);
    EXPECT_TRUE(same_fields(*record, fields[i]));
  }
  EXPECT_TRUE(records.done());
}

TEST(RecordCursor, OfAWitnessIsDoneAtOnce) {
  const SampleBlock block = sample_witness();
  EXPECT_TRUE(RecordCursor(block.header, block.bytes).done());
}

TEST(RecordCursor, RefusesRecordsThatAreNotWhatTheHeaderSays) {
  const std::vector<RecordFields> fields{sample_smallest_record(), sample_tombstone()};
  const auto code = [&](auto change) {
    const Status status = walk(fields, change);
    return status ? std::string("good") : status.error().message;
  };
  EXPECT_EQ(code([](BlockHeader&) {}), "good");
  EXPECT_EQ(code([](BlockHeader& h) { h.record_count = 3; }), "too short for a record");
  EXPECT_EQ(code([](BlockHeader& h) { h.record_count = 1; }),
            "bytes follow the block's last record");
  EXPECT_EQ(code([](BlockHeader& h) { h.offset_span = 1; }),
            "a record's offset does not fit its block");
  EXPECT_EQ(code([](BlockHeader& h) { h.last_timestamp = sample_time(); }),
            "a record's timestamp does not fit its block");
  EXPECT_EQ(code([](BlockHeader& h) { h.first_timestamp = sample_time() + 1us; }),
            "a record's timestamp does not fit its block");
}

TEST(RecordCursor, RefusesOffsetsThatDoNotRise) {
  SampleBlock block = make_block(std::vector{sample_smallest_record(), sample_smallest_record()});
  store(block.bytes.data() + kBlockHeaderBytes + 8, std::uint32_t{1});  // both have delta 1 now
  RecordCursor records(block.header, block.bytes);
  EXPECT_TRUE(records.next());
  const Result<Record> second = records.next();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kDamaged);
}

TEST(RecordCursor, TakesABlockThatCompactionMadeHolesIn) {
  SampleBlock block = make_block(std::vector{sample_smallest_record(), sample_smallest_record()});
  block.header.offset_span = 100;
  store(block.bytes.data() + kBlockHeaderBytes + 8, std::uint32_t{40});
  store(block.bytes.data() + kBlockHeaderBytes + kRecordBytesMin + 8, std::uint32_t{99});
  finish_block(block.header, block.bytes);
  RecordCursor records(*decode_block_header(block.bytes), block.bytes);
  EXPECT_EQ(records.next()->offset, Offset(1041));
  EXPECT_EQ(records.next()->offset, Offset(1100));
  EXPECT_TRUE(records.done());
}

TEST(LogTail, AdvancesToWhatTheNextBlockMustContinue) {
  const SampleBlock block = sample_block();
  LogTail tail;
  tail.advance(block.header);
  EXPECT_EQ(tail, (LogTail{.position = FilePosition(12288),
                           .next_block = BlockNumber(502),
                           .next_offset = Offset(1003),
                           .previous = block.header.checksum}));
}

TEST(SegmentTotals, CountRecordsAndPassOverWitnesses) {
  SegmentTotals totals;
  totals.add(sample_witness().header);
  EXPECT_EQ(totals, SegmentTotals{});
  totals.add(sample_block().header);
  RecordFields early = sample_smallest_record();
  early.timestamp -= 1h;
  totals.add(make_block(std::vector{early}).header);
  EXPECT_EQ(totals, (SegmentTotals{.record_count = 3,
                                   .record_bytes = sample_block().header.payload_bytes + 20,
                                   .first_timestamp = sample_time() - 1h,
                                   .last_timestamp = sample_time() + 1ms}));
}

TEST(SegmentFooter, IsMadeOfTheHeaderTheTailAndTheTotals) {
  SegmentFooter sample = sample_segment_footer();
  sample.own_end_block = sample.end_block;
  sample.own_last = sample.last;
  sample.rewrites = 0;
  const LogTail tail{.position = sample.position,
                     .next_block = sample.end_block,
                     .next_offset = sample.end_offset,
                     .previous = sample.last};
  const SegmentTotals totals{.record_count = sample.record_count,
                             .record_bytes = sample.record_bytes,
                             .first_timestamp = sample.first_timestamp,
                             .last_timestamp = sample.last_timestamp};
  EXPECT_EQ(make_footer(sample_segment_header(), tail, totals), sample);
}

}  // namespace
}  // namespace bimip::testing
