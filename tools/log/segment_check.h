// Reads one segment from end to end and compares it with itself.
#pragma once

#include <atomic>
#include <optional>

#include "engine/format/log_tail.h"
#include "engine/format/producer_state.h"
#include "tools/log/entity_digest.h"
#include "tools/log/inventory.h"

namespace bimip::log_tools {

enum class Depth : std::uint8_t {
  kBlocks,   // checksums, chain, totals
  kRecords,  // each record is decoded and counted too
};

// Bytes of a segment that are no good block.
struct BadRange {
  FilePosition from{};
  FilePosition end{};
  OffsetRange offsets{};  // that should have been there; empty when unknown or none
  std::string why{};
  bool whole = false;   // every sector of it arrived: no write that was cut short
  bool behind = false;  // a good block follows it
};

// A good block whose place in the log or whose content is not what it should be.
struct OddBlock {
  FilePosition position{};
  FilePosition end{};
  OffsetRange offsets{};
  std::string why{};
};

struct SegmentFacts {
  bool opened = false;
  std::string header_error{};  // why `header` is not there
  bool header_is_zero = false;
  std::optional<SegmentHeader> header{};
  std::string footer_error{};  // of a sealed one: why `footer` is not there
  std::optional<SegmentFooter> footer{};

  LogTail start{};         // what its first block had to continue
  LogTail tail{};          // behind its last good block
  SegmentTotals totals{};  // of its good blocks
  std::uint64_t blocks = 0;
  std::uint64_t padding_bytes = 0;
  bool witnessed = false;  // the last block vouches for everything before it
  Offset durable{};        // the highest durable offset that a good block states
  Timestamp last_timestamp{};
  FilePosition nonzero_end{};
  std::vector<IndexEntry> index{};  // as the good blocks give it
  std::vector<BadRange> bad{};
  std::vector<OddBlock> odd{};

  // Where the checkpoint claims to be: what the blocks say there.
  struct Waypoint {
    LogTail tail{};
    SegmentTotals totals{};
    std::size_t index_entries = 0;
    EntityDigest entities{};
  };
  std::optional<Waypoint> waypoint{};
  std::uint64_t records = 0;  // decoded
  EntityDigest entities{};    // of those
  std::uint64_t bytes_read = 0;
};

struct SegmentTask {
  const SegmentPlace& place;
  SegmentIdentity identity{};
  bool sealed = false;
  std::optional<FilePosition> waypoint{};
  // Producers' states that cover this segment: what they say of its records is compared.
  std::vector<const ProducerState*> producers{};
  Depth depth = Depth::kBlocks;
  std::atomic<std::uint64_t>* bytes_read = nullptr;
};

// kNotFound, kInvalidArgument, kIo: the file cannot be read (to its end).
[[nodiscard]] Result<SegmentFacts> check_segment(const SegmentTask& task);

}  // namespace bimip::log_tools
