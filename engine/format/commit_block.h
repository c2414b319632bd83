// The commit block: what one device write makes durable. Normative page:
// docs/design/format-commit-block.md.
#pragma once

#include <cstdint>
#include <span>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/base/result.h"
#include "engine/base/types.h"
#include "engine/format/record.h"

namespace bimip::engine {

inline constexpr std::size_t kBlockHeaderBytes = 160;
inline constexpr std::uint32_t kBlockMagic = 0x42434D42;  // "BMCB"
inline constexpr std::uint16_t kBlockVersion = 1;

// One life of one segment file. Part of every block, inside its checksum.
struct SegmentIdentity {
  StoreId store{};
  TopicId topic{};
  PartitionId partition{};
  Epoch epoch{};
  friend bool operator==(const SegmentIdentity&, const SegmentIdentity&) = default;
};

struct BlockHeader {
  SegmentIdentity identity{};
  FilePosition position{};  // where in its file the block belongs
  BlockNumber number{};
  Offset base_offset{};           // of its first record; the log's end when it has none
  std::uint32_t offset_span = 0;  // offsets it stands for: [base_offset, base_offset + offset_span)
  std::uint32_t record_count = 0;   // <= offset_span; fewer after compaction
  std::uint32_t payload_bytes = 0;  // records, without padding
  std::uint32_t block_bytes = 0;    // header, records, padding: a multiple of limits::kSectorBytes
  Offset durable_offset{};          // everything below was durable when this block was written
  Timestamp first_timestamp{};      // of its records, lowest; zero when it has none
  Timestamp last_timestamp{};       // highest
  Hash128 previous{};  // `checksum` of the block before it in the partition; zero for the first
  Hash128 payload_checksum{};  // of everything from the header's end to the block's
  Hash128 checksum{};          // of the header, payload_checksum and identity among it

  [[nodiscard]] Offset end_offset() const { return base_offset + offset_span; }
  friend bool operator==(const BlockHeader&, const BlockHeader&) = default;
};

// The block's length for so many bytes of records.
[[nodiscard]] constexpr std::size_t block_bytes_for(std::size_t payload_bytes) {
  const std::size_t whole = kBlockHeaderBytes + payload_bytes;
  return (whole + limits::kSectorBytes - 1) / limits::kSectorBytes * limits::kSectorBytes;
}

// Completes a block in place: `block` holds header.block_bytes bytes whose records are already at
// kBlockHeaderBytes; zeroes the padding, computes both checksums into `header`, writes the header.
void finish_block(BlockHeader& header, MutableBytes block);

// The header at the front of `bytes` (at least kBlockHeaderBytes long). kDamaged when it is none
// (zeros never are), kUnsupportedVersion when it holds but is of another version.
[[nodiscard]] Result<BlockHeader> decode_block_header(Bytes bytes);
// kForeign, saying which part differs, unless the block belongs to this segment at this position.
[[nodiscard]] Status check_place(const BlockHeader& header, const SegmentIdentity& segment,
                                 FilePosition position);
// `block` is the whole block. kDamaged when its bytes are not those that were checksummed.
[[nodiscard]] Status check_payload(const BlockHeader& header, Bytes block);

// The records of a block whose checksums hold, one after another. Thread-compatible; views the
// block.
class RecordCursor {
 public:
  RecordCursor(const BlockHeader& header, Bytes block)
      : header_(header),
        least_(header.base_offset),
        left_(header.record_count),
        rest_(block.subspan(kBlockHeaderBytes, header.payload_bytes)) {}

  [[nodiscard]] bool done() const { return left_ == 0; }
  // kDamaged when the block's records are not what its header says (their number, offsets rising
  // within its range, timestamps within its bounds); the cursor is then done.
  [[nodiscard]] Result<Record> next();

 private:
  BlockHeader header_;
  Offset least_{};  // that the next record may have
  std::uint32_t left_;
  Bytes rest_{};
};

}  // namespace bimip::engine
