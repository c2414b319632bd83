// What a checksummed format answers to damage: every flipped bit, every truncation, zeros, another
// version, and content that lies under a checksum that holds.
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "engine/base/hash.h"
#include "engine/format/table.h"
#include "tests/engine/format/samples.h"

namespace bimip::testing {
namespace {

constexpr std::size_t kVersionAt = 20;

std::optional<ErrorCode> code_of(const auto& result) {
  if (result) return std::nullopt;
  return result.error().code;
}

std::optional<ErrorCode> read_block(Bytes bytes) {
  const Result<BlockHeader> header = decode_block_header(bytes);
  if (!header) return header.error().code;
  if (header->block_bytes != bytes.size()) return ErrorCode::kDamaged;  // as a reader of files does
  return code_of(check_payload(*header, bytes));
}

struct Format {
  std::string sample;
  std::optional<ErrorCode> (*read)(Bytes);
};

const std::vector<Format> kFormats{
    {"commit-block", read_block},
    {"commit-block-witness", read_block},
    {"segment-header", [](Bytes b) { return code_of(decode_segment_header(b)); }},
    {"segment-footer", [](Bytes b) { return code_of(decode_segment_footer(b)); }},
    {"index", [](Bytes b) { return code_of(IndexView::open(sample_segment(), b)); }},
    {"catalog", [](Bytes b) { return code_of(decode_catalog(b)); }},
    {"manifest", [](Bytes b) { return code_of(decode_manifest(sample_partition(), b)); }},
    {"producers", [](Bytes b) { return code_of(decode_producer_state(sample_segment(), b)); }},
    {"entities", [](Bytes b) { return code_of(EntityDirectoryView::open(sample_segment(), b)); }},
    {"entity-base", [](Bytes b) { return code_of(read_base(sample_partition(), b)); }},
    {"checkpoint", [](Bytes b) { return code_of(decode_checkpoint(sample_segment(), b)); }},
    {"losses", [](Bytes b) { return code_of(decode_losses(sample_partition(), b)); }},
    {"scrub", [](Bytes b) { return code_of(decode_scrub_state(sample_segment().store, b)); }},
};

class Surgery : public ::testing::TestWithParam<Format> {
 protected:
  Surgery() {
    for (SampleBytes& sample : all_samples())
      if (sample.name == GetParam().sample) bytes_ = std::move(sample.bytes);
  }
  // In memory of exactly its length, so that a sanitizer sees a read beside it.
  static std::optional<ErrorCode> read(Bytes bytes) {
    const std::vector<std::byte> exact(bytes.begin(), bytes.end());
    return GetParam().read(exact);
  }

  std::vector<std::byte> bytes_;
};

std::string name_of_format(const ::testing::TestParamInfo<Format>& info) {
  std::string name = info.param.sample;
  std::erase(name, '-');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Formats, Surgery, ::testing::ValuesIn(kFormats), name_of_format);

TEST_P(Surgery, TheSampleItselfIsRead) { EXPECT_EQ(read(bytes_), std::nullopt); }

TEST_P(Surgery, EveryFlippedBitIsDamage) {
  for (std::size_t at = 0; at < bytes_.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      bytes_[at] ^= std::byte{1} << bit;
      ASSERT_EQ(GetParam().read(bytes_), ErrorCode::kDamaged) << "byte " << at << ", bit " << bit;
      bytes_[at] ^= std::byte{1} << bit;
    }
  }
}

TEST_P(Surgery, EveryTruncationIsDamage) {
  for (std::size_t length = 0; length < bytes_.size(); ++length)
    ASSERT_EQ(read(Bytes(bytes_).first(length)), ErrorCode::kDamaged) << length << " bytes";
}

TEST_P(Surgery, BytesBehindItAreDamage) {
  bytes_.push_back(std::byte{0});
  EXPECT_EQ(read(bytes_), ErrorCode::kDamaged);
  bytes_.resize(bytes_.size() + 4095);
  EXPECT_EQ(read(bytes_), ErrorCode::kDamaged);
}

TEST_P(Surgery, OneByteRepeatedNeverDecodes) {
  for (const std::size_t length : {std::size_t{64}, std::size_t{160}, bytes_.size()}) {
    for (unsigned value = 0; value < 256; ++value) {
      const std::vector<std::byte> same(length, static_cast<std::byte>(value));
      ASSERT_EQ(read(same), ErrorCode::kDamaged) << length << " times " << value;
    }
  }
}

TEST_P(Surgery, ZeroedSectorsAreDamage) {
  for (std::size_t at = 0; at < bytes_.size(); at += 512) {
    std::vector<std::byte> torn = bytes_;
    const auto end = std::min(at + 512, torn.size());
    std::fill(torn.begin() + static_cast<std::ptrdiff_t>(at),
              torn.begin() + static_cast<std::ptrdiff_t>(end), std::byte{0});
    if (torn == bytes_) continue;
    ASSERT_EQ(read(torn), ErrorCode::kDamaged) << "sector at " << at;
  }
}

TEST_P(Surgery, AnotherVersionIsNamedAsOne) {
  const bool is_block = GetParam().sample.starts_with("commit-block");
  const bool is_paged = GetParam().sample == "entity-base";
  const std::size_t covered =
      is_block ? kBlockHeaderBytes : (is_paged ? kEntityPageBytes : bytes_.size());
  for (const int version : {0, 2, 3, 0xFFFF}) {
    store(bytes_.data() + kVersionAt, static_cast<std::uint16_t>(version));
    reseal(MutableBytes(bytes_).first(covered), sample_segment().store);
    EXPECT_EQ(read(bytes_), ErrorCode::kUnsupportedVersion) << version;
  }
}

// A block whose header says `lie` at `position`, under a checksum that holds.
template <typename T>
std::optional<ErrorCode> read_lying_block(std::size_t position, T lie) {
  SampleBlock block = sample_block();
  store(block.bytes.data() + position, lie);
  reseal(MutableBytes(block.bytes).first(kBlockHeaderBytes), sample_segment().store);
  return code_of(decode_block_header(block.bytes));
}

TEST(LyingBlock, IsDamaged) {
  constexpr std::uint64_t kMax64 = ~std::uint64_t{0};
  constexpr std::uint32_t kMax32 = ~std::uint32_t{0};
  EXPECT_EQ(read_lying_block(56, std::uint64_t{8192}), std::nullopt) << "the truth";
  EXPECT_EQ(read_lying_block(56, std::uint64_t{8193}), ErrorCode::kDamaged) << "position";
  EXPECT_EQ(read_lying_block(72, kMax64), ErrorCode::kDamaged) << "offsets that overflow";
  EXPECT_EQ(read_lying_block(80, std::uint32_t{1}), ErrorCode::kDamaged) << "span below records";
  EXPECT_EQ(read_lying_block(84, std::uint32_t{0}), ErrorCode::kDamaged) << "payload, no records";
  EXPECT_EQ(read_lying_block(88, std::uint32_t{0}), ErrorCode::kDamaged) << "records, no payload";
  EXPECT_EQ(read_lying_block(88, kMax32), ErrorCode::kDamaged) << "payload";
  EXPECT_EQ(read_lying_block(92, std::uint32_t{8192}), ErrorCode::kDamaged) << "block too long";
  EXPECT_EQ(read_lying_block(92, std::uint32_t{0}), ErrorCode::kDamaged) << "block of nothing";
  EXPECT_EQ(read_lying_block(92, kMax32), ErrorCode::kDamaged) << "block above the limit";
  EXPECT_EQ(read_lying_block(96, std::uint64_t{1002}), ErrorCode::kDamaged) << "durable before it";
  EXPECT_EQ(read_lying_block(104, std::int64_t{1} << 62), ErrorCode::kDamaged) << "times reversed";
  EXPECT_EQ(read_lying_block(152, std::uint64_t{1}), ErrorCode::kDamaged) << "reserved";
}

TEST(LyingBlock, MayNotClaimMoreRecordsThanItsPayloadHolds) {
  SampleBlock block = sample_block();
  const std::uint32_t most = block.header.payload_bytes / kRecordBytesMin;
  store(block.bytes.data() + 80, std::uint32_t{1'000'000});
  for (const std::uint32_t count : {most, most + 1}) {
    store(block.bytes.data() + 84, count);
    reseal(MutableBytes(block.bytes).first(kBlockHeaderBytes), sample_segment().store);
    EXPECT_EQ(decode_block_header(block.bytes).has_value(), count == most);
  }
}

// A header that is longer than this program's belongs to a later version; one that leaves its bytes
// is damage.
TEST(BlockHeader, OfAnotherLengthIsOfAnotherVersion) {
  SampleBlock block = sample_block();
  store(block.bytes.data() + 22, std::uint16_t{192});
  store(block.bytes.data() + kVersionAt, std::uint16_t{2});
  reseal(MutableBytes(block.bytes).first(192), sample_segment().store);
  EXPECT_EQ(code_of(decode_block_header(block.bytes)), ErrorCode::kUnsupportedVersion);
  EXPECT_EQ(code_of(decode_block_header(Bytes(block.bytes).first(191))), ErrorCode::kDamaged);
}

TEST(CommitBlock, OfAnotherPlaceIsForeign) {
  const BlockHeader header = sample_block().header;
  const FilePosition here = header.position;
  ASSERT_TRUE(check_place(header, sample_segment(), here));
  const auto refused_as = [&](std::string_view part, const SegmentIdentity& segment,
                              FilePosition position) {
    const Status status = check_place(header, segment, position);
    ASSERT_FALSE(status) << part;
    EXPECT_EQ(status.error().code, ErrorCode::kForeign) << part;
    EXPECT_NE(status.error().message.find(part), std::string::npos) << status.error().message;
  };
  SegmentIdentity other = sample_segment();
  other.store.high ^= 1;
  refused_as("store", other, here);
  other = sample_segment();
  other.store.low ^= 1;
  refused_as("store", other, here);
  other = sample_segment();
  other.topic = TopicId(8);
  refused_as("topic (7, not 8)", other, here);
  other = sample_segment();
  other.partition = PartitionId(4);
  refused_as("partition (3, not 4)", other, here);
  other = sample_segment();
  other.epoch = Epoch(13);
  refused_as("segment (12, not 13)", other, here);
  refused_as("position 8192, not at 4096", sample_segment(), FilePosition(4096));
}

// What a payload pretends to be is told from what this store's later versions wrote.
TEST(CommitBlock, OfAnotherStoreIsForeignWhateverItsVersion) {
  SampleBlock block = sample_block();
  StoreId other = sample_segment().store;
  other.low ^= 1;
  EXPECT_TRUE(decode_block_header(block.bytes, sample_segment().store));
  EXPECT_EQ(code_of(decode_block_header(block.bytes, other)), ErrorCode::kForeign);
  store(block.bytes.data() + kVersionAt, std::uint16_t{2});
  reseal(MutableBytes(block.bytes).first(kBlockHeaderBytes), sample_segment().store);
  EXPECT_EQ(code_of(decode_block_header(block.bytes, sample_segment().store)),
            ErrorCode::kUnsupportedVersion);
  EXPECT_EQ(code_of(decode_block_header(block.bytes, other)), ErrorCode::kForeign);
}

// The same block under another store's identity fails its checksum: the seed is the identity.
TEST(CommitBlock, CannotBeMadeWithoutKnowingTheStore) {
  SampleBlock block = sample_block();
  StoreId guessed = sample_segment().store;
  guessed.low ^= 0x8000;
  reseal(MutableBytes(block.bytes).first(kBlockHeaderBytes), guessed);
  EXPECT_EQ(code_of(decode_block_header(block.bytes)), ErrorCode::kDamaged);
}

TEST(Table, OfAnotherKindOrIdentityIsForeign) {
  const auto payload = as_bytes("payload");
  const auto file = encode_table(TableKind::kIndex, sample_segment(), payload);
  EXPECT_TRUE(decode_table(TableKind::kIndex, sample_segment(), file));
  EXPECT_EQ(code_of(decode_table(TableKind::kProducers, sample_segment(), file)),
            ErrorCode::kForeign);
  EXPECT_EQ(code_of(decode_table(TableKind::kIndex, sample_partition(), file)),
            ErrorCode::kForeign);
  SegmentIdentity other = sample_segment();
  other.store.high ^= 1;
  EXPECT_EQ(code_of(decode_table(TableKind::kIndex, other, file)), ErrorCode::kForeign);
  EXPECT_EQ(code_of(decode_manifest(sample_partition(), encode_catalog(sample_catalog()))),
            ErrorCode::kForeign);
}

TEST(Table, ThatSaysAnotherLengthIsDamaged) {
  auto file = encode_table(TableKind::kIndex, sample_segment(), as_bytes("payload"));
  store(file.data() + 56, std::uint64_t{6});
  reseal(file, sample_segment().store);
  EXPECT_EQ(code_of(decode_table(TableKind::kIndex, file)), ErrorCode::kDamaged);
}

TEST(Table, MayBeEmpty) {
  const auto file = encode_table(TableKind::kIndex, sample_segment(), {});
  EXPECT_EQ(file.size(), kTableHeaderBytes);
  const auto table = decode_table(TableKind::kIndex, file);
  ASSERT_TRUE(table);
  EXPECT_TRUE(table->payload.empty());
  EXPECT_EQ(table->identity, sample_segment());
}

TEST(LyingFooter, IsDamaged) {
  const auto read = [](auto change) {
    SegmentFooter footer = sample_segment_footer();
    change(footer);
    Sector sector{};
    encode_segment_footer(footer, sector);
    return code_of(decode_segment_footer(sector));
  };
  EXPECT_EQ(read([](SegmentFooter&) {}), std::nullopt);
  EXPECT_EQ(read([](SegmentFooter& f) { f.position += 1; }), ErrorCode::kDamaged);
  EXPECT_EQ(read([](SegmentFooter& f) { f.position = FilePosition(0); }), ErrorCode::kDamaged);
  EXPECT_EQ(read([](SegmentFooter& f) { f.end_offset = Offset(999); }), ErrorCode::kDamaged);
  EXPECT_EQ(read([](SegmentFooter& f) { f.end_block = BlockNumber(499); }), ErrorCode::kDamaged);
  EXPECT_EQ(read([](SegmentFooter& f) { f.own_end_block = BlockNumber(499); }),
            ErrorCode::kDamaged);
  EXPECT_EQ(read([](SegmentFooter& f) { f.own_end_block = BlockNumber(641); }),
            ErrorCode::kDamaged);
  EXPECT_EQ(read([](SegmentFooter& f) { f.rewrites = 0; }), ErrorCode::kDamaged);
  EXPECT_EQ(read([](SegmentFooter& f) { f.record_count = 3001; }), ErrorCode::kDamaged);
  EXPECT_EQ(read([](SegmentFooter& f) { f.last_timestamp = Timestamp{}; }), ErrorCode::kDamaged);
}

}  // namespace
}  // namespace bimip::testing
