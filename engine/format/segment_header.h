// First and last sector of a segment file. Normative page: docs/design/format-segment.md.
#pragma once

#include <array>
#include <cstdint>

#include "engine/base/limits.h"
#include "engine/base/result.h"
#include "engine/format/commit_block.h"

namespace bimip::engine {

inline constexpr std::uint32_t kSegmentHeaderMagic = 0x48534D42;  // "BMSH"
inline constexpr std::uint32_t kSegmentFooterMagic = 0x46534D42;  // "BMSF"
inline constexpr std::uint16_t kSegmentVersion = 1;

using Sector = std::array<std::byte, limits::kSectorBytes>;

// Written before the first commit of the segment, durable before that commit is answered.
struct SegmentHeader {
  SegmentIdentity identity{};
  Offset base_offset{};  // the log's end when the segment began: everything below was durable
  BlockNumber first_block{};
  Hash128 previous{};  // checksum of the block before it in the partition; zero for the first
  Timestamp created_at{};
  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

// Written when the segment is sealed, after its last block.
struct SegmentFooter {
  SegmentIdentity identity{};
  FilePosition position{};  // of this footer: where the blocks end
  Offset base_offset{};
  Offset end_offset{};
  BlockNumber first_block{};
  BlockNumber end_block{};  // of the next segment's first block
  std::uint64_t record_count = 0;
  std::uint64_t record_bytes = 0;  // payload bytes of all blocks
  Timestamp first_timestamp{};
  Timestamp last_timestamp{};
  Hash128 previous{};  // as in the header
  Hash128 last{};      // what the next segment states as its `previous`
  // A segment as it was written: end_block and last. A rewrite changes these two and keeps those,
  // so that the next segment goes on continuing it.
  BlockNumber own_end_block{};  // one past the last in this file
  Hash128 own_last{};           // checksum of the last in this file; `previous` when there is none
  std::uint32_t rewrites = 0;   // how often the segment was written anew
  friend bool operator==(const SegmentFooter&, const SegmentFooter&) = default;
};

// The checksum covers the whole sector. Decoding: kDamaged, kUnsupportedVersion.
void encode_segment_header(const SegmentHeader& header, MutableBytes sector);
[[nodiscard]] Result<SegmentHeader> decode_segment_header(Bytes sector);
// Whether there is a header, sound or not.
[[nodiscard]] bool resembles_segment_header(Bytes sector);
void encode_segment_footer(const SegmentFooter& footer, MutableBytes sector);
[[nodiscard]] Result<SegmentFooter> decode_segment_footer(Bytes sector);

}  // namespace bimip::engine
