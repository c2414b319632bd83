#include "engine/format/segment_header.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/format/codec.h"

namespace bimip::engine {
namespace {

// Both sectors begin alike: checksum, magic, version, two zero bytes, identity.
constexpr std::size_t kMagicAt = 16;
constexpr std::size_t kVersionAt = 20;
constexpr std::size_t kIdentityAt = 24;
constexpr std::size_t kFieldsAt = kIdentityAt + codec::kIdentityBytes;

void begin_sector(std::uint32_t magic, const SegmentIdentity& identity, MutableBytes sector) {
  BIMIP_ASSERT(sector.size() == limits::kSectorBytes);
  std::ranges::fill(sector, std::byte{0});
  store(sector.data() + kMagicAt, magic);
  store(sector.data() + kVersionAt, kSegmentVersion);
  codec::store_identity(sector.data() + kIdentityAt, identity);
}

void finish_sector(const codec::Writer& fields, const SegmentIdentity& identity,
                   MutableBytes sector) {
  std::ranges::copy(fields.bytes(), sector.begin() + kFieldsAt);
  codec::store_wide(sector.data(),
                    xxh3_128(sector.subspan(kMagicAt), codec::seed_of(identity.store)));
}

bool has_magic(std::uint32_t magic, Bytes sector) {
  return sector.size() == limits::kSectorBytes &&
         load<std::uint32_t>(sector.data() + kMagicAt) == magic;
}

// The identity of a sector whose checksum and version hold.
Result<SegmentIdentity> open_sector(std::uint32_t magic, std::string_view what, Bytes sector) {
  if (!has_magic(magic, sector))
    return fail(ErrorCode::kDamaged, "not a segment's " + std::string(what));
  const SegmentIdentity identity = codec::load_identity(sector.data() + kIdentityAt);
  if (xxh3_128(sector.subspan(kMagicAt), codec::seed_of(identity.store)) !=
      codec::load_wide<Hash128>(sector.data())) {
    return fail(ErrorCode::kDamaged, "the segment's " + std::string(what) + " fails its checksum");
  }
  const auto version = load<std::uint16_t>(sector.data() + kVersionAt);
  if (version != kSegmentVersion) {
    return fail(ErrorCode::kUnsupportedVersion,
                "the segment is of format version " + std::to_string(version) +
                    "; this program knows version " + std::to_string(kSegmentVersion));
  }
  return identity;
}

}  // namespace

void encode_segment_header(const SegmentHeader& header, MutableBytes sector) {
  begin_sector(kSegmentHeaderMagic, header.identity, sector);
  codec::Writer fields;
  fields.number(header.base_offset);
  fields.number(header.first_block);
  fields.wide(header.previous);
  fields.time(header.created_at);
  finish_sector(fields, header.identity, sector);
}

Result<SegmentHeader> decode_segment_header(Bytes sector) {
  Result<SegmentIdentity> identity = open_sector(kSegmentHeaderMagic, "header", sector);
  if (!identity) return std::unexpected(std::move(identity.error()));
  codec::Reader in(sector.subspan(kFieldsAt));
  SegmentHeader header{.identity = *identity};
  header.base_offset = in.number<Offset>();
  header.first_block = in.number<BlockNumber>();
  header.previous = in.wide<Hash128>();
  header.created_at = in.time();
  return header;
}

bool resembles_segment_header(Bytes sector) { return has_magic(kSegmentHeaderMagic, sector); }

void encode_segment_footer(const SegmentFooter& footer, MutableBytes sector) {
  begin_sector(kSegmentFooterMagic, footer.identity, sector);
  codec::Writer fields;
  fields.number(footer.position);
  fields.number(footer.base_offset);
  fields.number(footer.end_offset);
  fields.number(footer.first_block);
  fields.number(footer.end_block);
  fields.u64(footer.record_count);
  fields.u64(footer.record_bytes);
  fields.time(footer.first_timestamp);
  fields.time(footer.last_timestamp);
  fields.wide(footer.previous);
  fields.wide(footer.last);
  fields.number(footer.own_end_block);
  fields.wide(footer.own_last);
  fields.u32(footer.rewrites);
  finish_sector(fields, footer.identity, sector);
}

Result<SegmentFooter> decode_segment_footer(Bytes sector) {
  Result<SegmentIdentity> identity = open_sector(kSegmentFooterMagic, "footer", sector);
  if (!identity) return std::unexpected(std::move(identity.error()));
  codec::Reader in(sector.subspan(kFieldsAt));
  SegmentFooter footer{.identity = *identity};
  footer.position = in.number<FilePosition>();
  footer.base_offset = in.number<Offset>();
  footer.end_offset = in.number<Offset>();
  footer.first_block = in.number<BlockNumber>();
  footer.end_block = in.number<BlockNumber>();
  footer.record_count = in.u64();
  footer.record_bytes = in.u64();
  footer.first_timestamp = in.time();
  footer.last_timestamp = in.time();
  footer.previous = in.wide<Hash128>();
  footer.last = in.wide<Hash128>();
  footer.own_end_block = in.number<BlockNumber>();
  footer.own_last = in.wide<Hash128>();
  footer.rewrites = in.u32();
  const std::uint64_t position = footer.position.value();
  if (position < limits::kSectorBytes || position % limits::kSectorBytes != 0 ||
      footer.base_offset > footer.end_offset || footer.first_block > footer.own_end_block ||
      footer.own_end_block > footer.end_block ||
      footer.record_count > footer.end_offset - footer.base_offset ||
      footer.first_timestamp > footer.last_timestamp ||
      (footer.rewrites == 0 &&
       (footer.own_end_block != footer.end_block || footer.own_last != footer.last))) {
    return fail(ErrorCode::kDamaged, "the segment's footer contradicts itself");
  }
  return footer;
}

}  // namespace bimip::engine
