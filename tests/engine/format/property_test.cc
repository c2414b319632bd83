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
    const ScrubState scrub = values.scrub(segment.store);
    EXPECT_EQ(decode_scrub_state(segment.store, encode_scrub_state(segment.store, scrub)), scrub);
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

TEST(RoundTrip, EntityDirectories) {
  for_each_seed([](RandomValues& values) {
    const SegmentIdentity segment = values.identity();
    const Offset first(values.below(1ULL << 46U));
    const SampleDirectory directory =
        values.directory({.first = first, .end = first + 1 + values.below(1ULL << 31U)});
    const auto file = encode_directory(segment, directory);
    const Result<EntityDirectoryView> view = EntityDirectoryView::open(segment, file);
    ASSERT_TRUE(view) << view.error().message;
    EXPECT_EQ(read_directory(*view), directory);
    for (const SampleEntity& entity : directory.entities) {
      const std::optional<EntityEntry> entry = view->find(entity.hash);
      ASSERT_TRUE(entry);
      EXPECT_EQ(entry->newest(), entity.records.back());
      for (std::size_t i = 0; i < entity.records.size(); ++i)
        EXPECT_EQ(entry->find(entity.records[i].increment), i);
      EXPECT_EQ(entry->find(entity.records.back().increment + 1), entity.records.size());
      EXPECT_EQ(entry->find(IncrementId(0)), 0U);
    }
    const EntityHash other = values.entity_hash();
    const bool there = std::ranges::find(directory.entities, other, &SampleEntity::hash) !=
                       directory.entities.end();
    EXPECT_EQ(view->find(other).has_value(), there);
  });
}

// Cut at random places, the directories of the pieces become that of the whole again.
TEST(EntityDirectory, OfPiecesIsMergedToThatOfTheWhole) {
  for_each_seed([](RandomValues& values) {
    const SegmentIdentity segment = values.identity();
    const std::uint64_t span = 1 + values.below(10'000);
    SampleDirectory whole = values.directory({.first = Offset(50), .end = Offset(50 + span)});
    std::vector<std::vector<std::byte>> files;
    std::vector<EntityDirectoryView> views;
    whole.lost.clear();
    for (Offset from(50); from < whole.offsets.end;) {
      const Offset end = from + 1 + values.below(whole.offsets.end - from);
      SampleDirectory piece{.offsets = {.first = from, .end = end}, .lost = {}, .entities = {}};
      for (const SampleEntity& entity : whole.entities) {
        SampleEntity part{.hash = entity.hash, .previous = entity.previous};
        for (const EntityRecord& record : entity.records) {
          if (record.offset < from) part.previous = record.offset;
          if (record.offset >= from && record.offset < end) part.records.push_back(record);
        }
        if (!part.records.empty()) piece.entities.push_back(std::move(part));
      }
      piece.lost.push_back({.offsets = piece.offsets});
      whole.lost.push_back(piece.lost.front());
      files.push_back(encode_directory(segment, piece));
      from = end;
    }
    for (const auto& file : files) views.push_back(*EntityDirectoryView::open(segment, file));
    EXPECT_EQ(merge_directories(segment, views, whole.offsets), encode_directory(segment, whole));
  });
}

TEST(RoundTrip, EntityBases) {
  for_each_seed([](RandomValues& values) {
    const SampleBase base = values.base();
    const auto file = encode_base(base);
    ASSERT_EQ(file.size(), base.header.file_bytes());
    EXPECT_EQ(read_base(base.header.partition, file), base);
    const Result<EntityBaseView> view = EntityBaseView::open(base.header.partition, file);
    ASSERT_TRUE(view);
    for (const EntityNewest& entity : base.entities) {
      const Result<std::optional<EntityNewest>> found = view->find(entity.hash);
      ASSERT_TRUE(found && *found == entity);
    }
    const Result<std::optional<EntityNewest>> none = view->find({.high = 5, .low = 2});
    ASSERT_TRUE(none);
    EXPECT_EQ(*none, std::nullopt);
  });
}

// Whatever page is damaged, and however: every other entity is found, and none is said to be
// unknown that is there.
TEST(EntityBase, ADamagedPageCostsItsOwnEntitiesAndNoOthers) {
  for_each_seed([](RandomValues& values) {
    const SampleBase base = values.base();
    if (base.header.pages() < 2) return;
    auto file = encode_base(base);
    const std::uint64_t number = values.below(base.header.pages());
    const std::uint64_t at = (number + 1) * kEntityPageBytes + values.below(kEntityPageBytes);
    file[at] ^= static_cast<std::byte>(1 + values.below(255));
    const Result<EntityBaseView> view = EntityBaseView::open(base.header.partition, file);
    ASSERT_TRUE(view);
    EXPECT_FALSE(view->page(number));
    const LostRecords lost = view->lost_with(number);
    for (std::size_t i = 0; i < base.entities.size(); ++i) {
      const bool is_lost = i / kEntitiesPerPage == number;
      const EntityHash& hash = base.entities[i].hash;
      const Result<std::optional<EntityNewest>> found = view->find(hash);
      ASSERT_TRUE(found ? *found == base.entities[i] && !is_lost
                        : found.error().code == ErrorCode::kDamaged)
          << i;
      ASSERT_TRUE(!is_lost || (lost.first <= hash && hash <= lost.last));
    }
  });
}

}  // namespace
}  // namespace bimip::testing
