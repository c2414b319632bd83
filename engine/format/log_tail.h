// What a segment holds in all, counted block by block: the numbers of its footer and manifest
// entry.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/format/commit_block.h"
#include "engine/format/segment_header.h"

namespace bimip::engine {

// Where the next block of a partition goes and what it must continue.
struct LogTail {
  FilePosition position{};
  BlockNumber next_block{};
  Offset next_offset{};
  Hash128 previous{};
  friend bool operator==(const LogTail&, const LogTail&) = default;

  void advance(const BlockHeader& block) {
    position = block.position + block.block_bytes;
    next_block = block.number + 1;
    next_offset = block.end_offset();
    previous = block.checksum;
  }
};

struct SegmentTotals {
  std::uint64_t record_count = 0;
  std::uint64_t record_bytes = 0;
  Timestamp first_timestamp{};
  Timestamp last_timestamp{};
  friend bool operator==(const SegmentTotals&, const SegmentTotals&) = default;

  void add(const BlockHeader& block) {
    if (block.record_count == 0) return;
    if (record_count == 0) first_timestamp = block.first_timestamp;
    first_timestamp = std::min(first_timestamp, block.first_timestamp);
    last_timestamp = std::max(last_timestamp, block.last_timestamp);
    record_count += block.record_count;
    record_bytes += block.payload_bytes;
  }
};

// The footer of a segment that begins with `header` and ends at `tail`.
[[nodiscard]] inline SegmentFooter make_footer(const SegmentHeader& header, const LogTail& tail,
                                               const SegmentTotals& totals) {
  return {.identity = header.identity,
          .position = tail.position,
          .base_offset = header.base_offset,
          .end_offset = tail.next_offset,
          .first_block = header.first_block,
          .end_block = tail.next_block,
          .record_count = totals.record_count,
          .record_bytes = totals.record_bytes,
          .first_timestamp = totals.first_timestamp,
          .last_timestamp = totals.last_timestamp,
          .previous = header.previous,
          .last = tail.previous,
          .own_end_block = tail.next_block,
          .own_last = tail.previous};
}

}  // namespace bimip::engine
