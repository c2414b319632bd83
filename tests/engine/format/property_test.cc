// Random valid values come back from every codec as they went in. BIMIP_TEST_SEED=N begins
// elsewhere; a failure names the value that repeats it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "tests/engine/format/random_values.h"

namespace bimip::testing {
namespace {

constexpr int kRounds = 2000;

std::uint64_t first_seed() {
  const char* chosen = std::getenv("BIMIP_TEST_SEED");
  return chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 1;
}

// Each round has a seed of its own.
void for_each_seed(const std::function<void(RandomValues&)>& check) {
  for (std::uint64_t seed = first_seed(); seed < first_seed() + kRounds; ++seed) {
    SCOPED_TRACE("repeat with BIMIP_TEST_SEED=" + std::to_string(seed));
    RandomValues values(seed);
    check(values);
    if (::testing::Test::HasFatalFailure() || ::testing::Test::HasNonfatalFailure()) return;
  }
}

TEST(RoundTrip, Records) {
  for_each_seed([](RandomValues& values) {
    const Offset base(values.below(1ULL << 40U) + (1ULL << 41U));
    const RecordFields& fields = values.record(base);
    ASSERT_TRUE(validate(fields));
    const std::size_t length = encoded_record_bytes(fields);
    std::vector<std::byte> bytes(length + values.below(3));
    const auto delta = static_cast<std::uint32_t>(values.below(1000));
    ASSERT_EQ(encode_record(fields, delta, bytes), length);
    const Result<DecodedRecord> decoded = decode_record(bytes, base);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->bytes, length);
    EXPECT_EQ(decoded->record.offset, base + delta);
    EXPECT_TRUE(same_fields(decoded->record, fields));
  });
}

TEST(RoundTrip, Headers) {
  for_each_seed([](RandomValues& values) {
    const std::vector<Header> headers = values.headers();
    const auto bytes = encode_headers(headers);
    ASSERT_TRUE(bytes);
    const auto decoded = decode_headers(*bytes);
    ASSERT_TRUE(decoded) << decoded.error().message;
    ASSERT_EQ(decoded->size(), headers.size());
    for (std::size_t i = 0; i < headers.size(); ++i) {
      EXPECT_EQ(decoded->at(i).name, headers[i].name);
      EXPECT_EQ(as_text(decoded->at(i).value), as_text(headers[i].value));
    }
  });
}

TEST(RoundTrip, CommitBlocks) {
  for_each_seed([](RandomValues& values) {
    const Offset base(values.below(1ULL << 40U) + (1ULL << 41U));
    std::vector<RecordFields> fields;
    for (std::uint64_t i = values.below(8); i > 0; --i) fields.push_back(values.record(base));
    const SampleBlock block = make_block(fields, base);
    const Result<BlockHeader> header = decode_block_header(block.bytes);
    ASSERT_TRUE(header) << header.error().message;
    ASSERT_EQ(*header, block.header);
    ASSERT_TRUE(check_payload(*header, block.bytes));
    RecordCursor records(*header, block.bytes);
    for (const RecordFields& expected : fields) {
      ASSERT_FALSE(records.done());
      const Result<Record> record = records.next();
      ASSERT_TRUE(record) << record.error().message;
      EXPECT_TRUE(same_fields(*record, expected));
    }
    EXPECT_TRUE(records.done());
  });
}

TEST(RoundTrip, SegmentHeadersAndFooters) {
  for_each_seed([](RandomValues& values) {
    Sector sector{};
    const SegmentHeader header = values.segment_header();
    encode_segment_header(header, sector);
    EXPECT_EQ(decode_segment_header(sector), header);
    const SegmentFooter footer = values.segment_footer();
    encode_segment_footer(footer, sector);
    EXPECT_EQ(decode_segment_footer(sector), footer);
  });
}

TEST(RoundTrip, Tables) {
  for_each_seed([](RandomValues& values) {
    const SegmentIdentity segment = values.identity();
    const Catalog catalog = values.catalog();
    EXPECT_EQ(decode_catalog(encode_catalog(catalog)), catalog);
    const Manifest manifest = values.manifest();
    EXPECT_EQ(decode_manifest(manifest.partition, encode_manifest(manifest)), manifest);
    const ProducerState producers = values.producers();
    EXPECT_EQ(decode_producer_state(segment, encode_producer_state(segment, producers)), producers);
    const Checkpoint checkpoint = values.checkpoint();
    EXPECT_EQ(decode_checkpoint(segment, encode_checkpoint(segment, checkpoint)), checkpoint);
  });
}

// Against a search from one end to the other.
TEST(RoundTrip, IndexLookups) {
  for_each_seed([](RandomValues& values) {
    const SegmentIdentity segment = values.identity();
    const std::vector<IndexEntry> entries = values.index();
    const auto file = encode_index(segment, entries);
    const Result<IndexView> view = IndexView::open(segment, file);
    ASSERT_TRUE(view) << view.error().message;
    ASSERT_EQ(view->size(), entries.size());
    for (int i = 0; i < 20; ++i) {
      const Offset offset(values.below(5000));
      const Timestamp time(std::chrono::microseconds(values.below(5000)));
      std::optional<IndexEntry> by_offset;
      std::optional<IndexEntry> by_time;
      for (const IndexEntry& entry : entries) {
        if (entry.base_offset <= offset) by_offset = entry;
        if (entry.last_timestamp_before < time) by_time = entry;
      }
      ASSERT_EQ(view->find(offset), by_offset);
      ASSERT_EQ(view->find(time), by_time);
    }
  });
}

}  // namespace
}  // namespace bimip::testing
