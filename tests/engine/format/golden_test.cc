// The worked examples of the design pages are the golden vectors: what a page shows is what the
// codecs write and what they read.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/engine/format/hex_dump.h"
#include "tests/engine/format/samples.h"

namespace bimip::testing {
namespace {

// Every block fenced as ```hex golden-NAME in the pages of the formats.
std::map<std::string, std::string> golden_blocks() {
  constexpr std::string_view kFence = "```hex golden-";
  std::map<std::string, std::string> blocks;
  for (const auto& page : std::filesystem::directory_iterator(BIMIP_DESIGN_PAGES)) {
    if (!page.path().filename().string().starts_with("format-")) continue;
    std::ifstream file(page.path());
    std::string* block = nullptr;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with(kFence)) {
        block = &blocks[line.substr(kFence.size())];
        EXPECT_TRUE(block->empty()) << line << " is twice in the pages";
      } else if (line.starts_with("```")) {
        block = nullptr;
      } else if (block != nullptr) {
        *block += line + "\n";
      }
    }
  }
  return blocks;
}

std::vector<std::byte> golden(const std::string& name) {
  const auto blocks = golden_blocks();
  const auto block = blocks.find(name);
  if (block == blocks.end()) {
    ADD_FAILURE() << "no block ```hex golden-" << name << " in the design pages";
    return {};
  }
  Result<std::vector<std::byte>> bytes = parse_hex_dump(block->second);
  EXPECT_TRUE(bytes) << bytes.error().message;
  return bytes ? *bytes : std::vector<std::byte>{};
}

TEST(Golden, EachPageShowsWhatTheCodecWrites) {
  for (const auto& [name, bytes] : all_samples()) {
    EXPECT_EQ(golden(name), bytes) << "The page should show:\n```hex golden-" << name << "\n"
                                   << hex_dump(bytes) << "```";
  }
}

TEST(Golden, EachBlockOfAPageIsASample) {
  std::map<std::string, std::string> blocks = golden_blocks();
  for (const auto& [name, bytes] : all_samples()) blocks.erase(name);
  for (const auto& [name, block] : blocks)
    ADD_FAILURE() << "golden-" << name << " is compared with nothing";
}

void expect_record(const std::string& name, const RecordFields& expected) {
  SCOPED_TRACE(name);
  const auto bytes = golden(name);
  const Result<DecodedRecord> decoded = decode_record(bytes, Offset(1000));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->record.offset, Offset(1001));
  EXPECT_EQ(decoded->bytes, bytes.size());
  EXPECT_TRUE(same_fields(decoded->record, expected));
}

TEST(Golden, RecordsAreReadBack) {
  expect_record("record-smallest", sample_smallest_record());
  expect_record("record", sample_record());
  expect_record("record-tombstone", sample_tombstone());
}

TEST(Golden, HeadersAreReadBack) {
  const auto bytes = golden("headers");
  const auto headers = decode_headers(bytes);
  ASSERT_TRUE(headers) << headers.error().message;
  ASSERT_EQ(headers->size(), 2U);
  EXPECT_EQ(headers->at(0).name, "content-type");
  EXPECT_EQ(as_text(headers->at(0).value), "text/plain");
  EXPECT_EQ(headers->at(1).name, "trace");
  EXPECT_EQ(as_text(headers->at(1).value), std::string_view("\x01\x02\x00", 3));
}

void expect_block(const std::string& name, const SampleBlock& expected) {
  SCOPED_TRACE(name);
  const auto bytes = golden(name);
  const Result<BlockHeader> header = decode_block_header(bytes);
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(*header, expected.header);
  ASSERT_EQ(bytes.size(), header->block_bytes);
  EXPECT_TRUE(check_payload(*header, bytes));
  EXPECT_TRUE(check_place(*header, sample_segment(), FilePosition(8192)));
}

TEST(Golden, CommitBlocksAreReadBack) {
  expect_block("commit-block", sample_block());
  expect_block("commit-block-witness", sample_witness());
  const auto bytes = golden("commit-block");
  RecordCursor records(*decode_block_header(bytes), bytes);
  const Result<Record> first = records.next();
  const Result<Record> second = records.next();
  ASSERT_TRUE(first && second && records.done());
  EXPECT_EQ(first->offset, Offset(1001));
  EXPECT_EQ(as_text(first->key), "alice");
  EXPECT_EQ(as_text(first->value), "Hello, Alice.");
  EXPECT_EQ(second->offset, Offset(1002));
  EXPECT_TRUE(same_fields(*second, sample_tombstone()));
}

TEST(Golden, SegmentHeadersAndFootersAreReadBack) {
  EXPECT_EQ(decode_segment_header(golden("segment-header")), sample_segment_header());
  EXPECT_EQ(decode_segment_footer(golden("segment-footer")), sample_segment_footer());
}

TEST(Golden, TablesAreReadBack) {
  EXPECT_EQ(decode_catalog(golden("catalog")), sample_catalog());
  EXPECT_EQ(decode_manifest(sample_partition(), golden("manifest")), sample_manifest());
  EXPECT_EQ(decode_producer_state(sample_segment(), golden("producers")), sample_producers());
  EXPECT_EQ(decode_checkpoint(sample_segment(), golden("checkpoint")), sample_checkpoint());
  EXPECT_EQ(decode_losses(sample_partition(), golden("losses")), sample_losses());
}

TEST(Golden, TheScrubsStateIsReadBack) {
  EXPECT_EQ(decode_scrub_state(sample_segment().store, golden("scrub")), sample_scrub());
}

TEST(Golden, IndexesAreReadBack) {
  const auto bytes = golden("index");
  const Result<IndexView> view = IndexView::open(sample_segment(), bytes);
  ASSERT_TRUE(view) << view.error().message;
  std::vector<IndexEntry> entries;
  for (std::size_t slot = 0; slot < view->size(); ++slot) entries.push_back(view->at(slot));
  EXPECT_EQ(entries, sample_index());
}

TEST(Golden, EntitiesAreReadBack) {
  const auto bytes = golden("entities");
  const Result<EntityDirectoryView> view = EntityDirectoryView::open(sample_segment(), bytes);
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_EQ(read_directory(*view), sample_directory());
  EXPECT_EQ(read_base(sample_partition(), golden("entity-base")), sample_base());
}

}  // namespace
}  // namespace bimip::testing
