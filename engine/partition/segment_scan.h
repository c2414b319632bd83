// Walks the blocks of an active segment from a known place to the log's end, and decides what
// damage is.
#pragma once

#include <functional>
#include <vector>

#include "engine/format/log_tail.h"
#include "engine/partition/recovery.h"
#include "engine/segment/block_reader.h"

namespace bimip::engine {

struct SegmentScan {
  LogTail tail{};                       // behind the last good block
  bool witnessed = false;               // the last good block vouches for everything before it
  std::vector<DamagedRange> damaged{};  // passed over: proven to have been durable
  FilePosition
      nonzero_end{};  // of what lies behind `tail`: above tail.position there are torn bytes
  std::uint64_t bytes_read = 0;
};

struct ScanStart {
  BlockReader::Place place{};  // from: tail.position
  LogTail tail{};
  // Everything below was durable, as something outside this segment proves.
  Offset known_durable{};
};

// A block that fails to continue the log is damage. It is rot, and passed over, when a later good
// block (or `known_durable`) says that the offsets it should have held were durable; otherwise it
// and all behind it is the torn tail. Calls `visit` for each good block in order. kIo,
// kUnsupportedVersion.
[[nodiscard]] Result<SegmentScan> scan_segment(const ScanStart& start, BufferPool& pool,
                                               const std::function<void(const Block&)>& visit);

}  // namespace bimip::engine
