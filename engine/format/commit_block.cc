#include "engine/format/commit_block.h"

#include <algorithm>
#include <limits>

#include "engine/base/assert.h"
#include "engine/format/codec.h"

namespace bimip::engine {
namespace {

// Where each field lies.
constexpr std::size_t kChecksumAt = 0;
constexpr std::size_t kMagicAt = 16;
constexpr std::size_t kVersionAt = 20;
constexpr std::size_t kHeaderBytesAt = 22;
constexpr std::size_t kIdentityAt = 24;
constexpr std::size_t kPositionAt = 56;
constexpr std::size_t kNumberAt = 64;
constexpr std::size_t kBaseOffsetAt = 72;
constexpr std::size_t kOffsetSpanAt = 80;
constexpr std::size_t kRecordCountAt = 84;
constexpr std::size_t kPayloadBytesAt = 88;
constexpr std::size_t kBlockBytesAt = 92;
constexpr std::size_t kDurableOffsetAt = 96;
constexpr std::size_t kFirstTimestampAt = 104;
constexpr std::size_t kLastTimestampAt = 112;
constexpr std::size_t kPreviousAt = 120;
constexpr std::size_t kPayloadChecksumAt = 136;
constexpr std::size_t kReservedAt = 152;
static_assert(kReservedAt + 8 == kBlockHeaderBytes);

void encode_header(const BlockHeader& header, std::byte* out) {
  store(out + kMagicAt, kBlockMagic);
  store(out + kVersionAt, kBlockVersion);
  store(out + kHeaderBytesAt, static_cast<std::uint16_t>(kBlockHeaderBytes));
  codec::store_identity(out + kIdentityAt, header.identity);
  store(out + kPositionAt, header.position.value());
  store(out + kNumberAt, header.number.value());
  store(out + kBaseOffsetAt, header.base_offset.value());
  store(out + kOffsetSpanAt, header.offset_span);
  store(out + kRecordCountAt, header.record_count);
  store(out + kPayloadBytesAt, header.payload_bytes);
  store(out + kBlockBytesAt, header.block_bytes);
  store(out + kDurableOffsetAt, header.durable_offset.value());
  store(out + kFirstTimestampAt, codec::to_micros(header.first_timestamp));
  store(out + kLastTimestampAt, codec::to_micros(header.last_timestamp));
  codec::store_wide(out + kPreviousAt, header.previous);
  codec::store_wide(out + kPayloadChecksumAt, header.payload_checksum);
  store(out + kReservedAt, std::uint64_t{0});
}

// What a header says of itself must hold together, or it was written by a bug.
bool is_consistent(const BlockHeader& header) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  return header.position.value() % limits::kSectorBytes == 0 &&
         header.block_bytes <= limits::kBlockBytesMax &&
         header.payload_bytes <= limits::kBlockBytesMax &&
         header.block_bytes == block_bytes_for(header.payload_bytes) &&
         header.record_count <= header.offset_span &&
         (header.record_count == 0) == (header.payload_bytes == 0) &&
         header.record_count <= header.payload_bytes / kRecordBytesMin &&
         header.base_offset.value() <= kMax - header.offset_span &&
         header.durable_offset <= header.base_offset &&
         header.first_timestamp <= header.last_timestamp;
}

}  // namespace

void finish_block(BlockHeader& header, MutableBytes block) {
  BIMIP_ASSERT(block.size() == header.block_bytes &&
               header.block_bytes == block_bytes_for(header.payload_bytes));
  std::ranges::fill(block.subspan(kBlockHeaderBytes + header.payload_bytes), std::byte{0});
  const std::uint64_t seed = codec::seed_of(header.identity.store);
  header.payload_checksum = xxh3_128(block.subspan(kBlockHeaderBytes), seed);
  encode_header(header, block.data());
  header.checksum = xxh3_128(block.subspan(kMagicAt, kBlockHeaderBytes - kMagicAt), seed);
  codec::store_wide(block.data() + kChecksumAt, header.checksum);
  BIMIP_ASSERT(is_consistent(header));
}

Result<BlockHeader> decode_block_header(Bytes bytes) {
  if (bytes.size() < kBlockHeaderBytes)
    return fail(ErrorCode::kDamaged, "too short for a block's header");
  const std::byte* in = bytes.data();
  if (load<std::uint32_t>(in + kMagicAt) != kBlockMagic)
    return fail(ErrorCode::kDamaged, "no block begins here");
  const auto version = load<std::uint16_t>(in + kVersionAt);
  const auto header_bytes = load<std::uint16_t>(in + kHeaderBytesAt);
  if (header_bytes < kBlockHeaderBytes || header_bytes > bytes.size()) {
    return fail(ErrorCode::kDamaged, "the block's header has an impossible length");
  }
  BlockHeader header;
  header.identity = codec::load_identity(in + kIdentityAt);
  header.checksum = codec::load_wide<Hash128>(in + kChecksumAt);
  const Bytes covered = bytes.subspan(kMagicAt, header_bytes - kMagicAt);
  if (xxh3_128(covered, codec::seed_of(header.identity.store)) != header.checksum) {
    return fail(ErrorCode::kDamaged, "the block's header fails its checksum");
  }
  if (version != kBlockVersion || header_bytes != kBlockHeaderBytes) {
    return fail(ErrorCode::kUnsupportedVersion,
                "the block is of format version " + std::to_string(version) +
                    "; this program knows version " + std::to_string(kBlockVersion));
  }
  header.position = FilePosition(load<std::uint64_t>(in + kPositionAt));
  header.number = BlockNumber(load<std::uint64_t>(in + kNumberAt));
  header.base_offset = Offset(load<std::uint64_t>(in + kBaseOffsetAt));
  header.offset_span = load<std::uint32_t>(in + kOffsetSpanAt);
  header.record_count = load<std::uint32_t>(in + kRecordCountAt);
  header.payload_bytes = load<std::uint32_t>(in + kPayloadBytesAt);
  header.block_bytes = load<std::uint32_t>(in + kBlockBytesAt);
  header.durable_offset = Offset(load<std::uint64_t>(in + kDurableOffsetAt));
  header.first_timestamp = codec::from_micros(load<std::int64_t>(in + kFirstTimestampAt));
  header.last_timestamp = codec::from_micros(load<std::int64_t>(in + kLastTimestampAt));
  header.previous = codec::load_wide<Hash128>(in + kPreviousAt);
  header.payload_checksum = codec::load_wide<Hash128>(in + kPayloadChecksumAt);
  if (load<std::uint64_t>(in + kReservedAt) != 0 || !is_consistent(header)) {
    return fail(ErrorCode::kDamaged, "the block's header contradicts itself");
  }
  return header;
}

Status check_place(const BlockHeader& header, const SegmentIdentity& segment,
                   FilePosition position) {
  if (header.identity != segment) {
    return fail(ErrorCode::kForeign,
                "the block is of another " + codec::difference(header.identity, segment));
  }
  if (header.position != position) {
    return fail(ErrorCode::kForeign, "the block belongs at position " +
                                         std::to_string(header.position.value()) + ", not at " +
                                         std::to_string(position.value()));
  }
  return {};
}

Status check_payload(const BlockHeader& header, Bytes block) {
  BIMIP_ASSERT(block.size() == header.block_bytes);
  const Hash128 is =
      xxh3_128(block.subspan(kBlockHeaderBytes), codec::seed_of(header.identity.store));
  if (is != header.payload_checksum)
    return fail(ErrorCode::kDamaged, "the block's records fail their checksum");
  return {};
}

Result<Record> RecordCursor::next() {
  const auto give_up = [this](Error error) {
    left_ = 0;
    return std::unexpected(std::move(error));
  };
  Result<DecodedRecord> decoded = decode_record(rest_, header_.base_offset);
  if (!decoded) return give_up(std::move(decoded.error()));
  const Record& record = decoded->record;
  rest_ = rest_.subspan(decoded->bytes);
  --left_;
  if (record.offset < least_ || record.offset >= header_.end_offset()) {
    return give_up({ErrorCode::kDamaged, "a record's offset does not fit its block"});
  }
  if (record.timestamp < header_.first_timestamp || record.timestamp > header_.last_timestamp) {
    return give_up({ErrorCode::kDamaged, "a record's timestamp does not fit its block"});
  }
  if (left_ == 0 && !rest_.empty())
    return give_up({ErrorCode::kDamaged, "bytes follow the block's last record"});
  least_ = record.offset + 1;
  return record;
}

}  // namespace bimip::engine
