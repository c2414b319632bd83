// Writes a sealed segment, and what lies beside it, out of blocks of another.
#pragma once

#include "engine/device/device.h"
#include "engine/format/log_tail.h"
#include "engine/format/manifest.h"
#include "engine/segment/entity_directories.h"
#include "engine/segment/index_builder.h"
#include "tools/log/aligned_bytes.h"

namespace bimip::log_tools {

// Blocks keep their records, offsets and times; their place and chain are new. Nothing counts
// before a manifest lists the segment. Thread-compatible. `device` outlives it.
class SegmentWriter {
 public:
  struct Place {
    Path folder{};
    SegmentIdentity identity{};
    LogTail start{};  // what its first block continues; the position is not looked at
    Timestamp created_at{};
  };
  // kAlreadyExists, kNoSpace, kIo.
  [[nodiscard]] static Result<std::unique_ptr<SegmentWriter>> create(Device& device,
                                                                     const Place& place);

  // `block` is a whole block with `source` for its header. It begins at or behind next_offset();
  // offsets between are a gap.
  [[nodiscard]] Status add(const BlockHeader& source, Bytes block);
  // Offsets up to `end` are a gap.
  void leave_open(Offset end);
  // Footer, sync, index, directory of entities. The name is durable once the folder is synced.
  [[nodiscard]] Result<ManifestSegment> seal();

  [[nodiscard]] Offset next_offset() const { return tail_.next_offset; }
  [[nodiscard]] std::uint64_t bytes() const { return tail_.position.value(); }
  [[nodiscard]] const LogTail& tail() const { return tail_; }

 private:
  SegmentWriter(Device& device, const Place& place, std::shared_ptr<File> file);
  [[nodiscard]] MutableBytes room(std::size_t bytes);
  [[nodiscard]] Status flush();

  Device& device_;
  const Path folder_;
  const SegmentHeader header_;
  const std::shared_ptr<File> file_;
  AlignedBytes buffer_;
  std::size_t waiting_ = 0;  // bytes of the buffer
  FilePosition written_{};
  LogTail tail_{};
  SegmentTotals totals_{};
  IndexBuilder index_;
  DirectoryBuilder entities_;
};

// An active segment without a block that continues the log at `start`, durable but for its name.
[[nodiscard]] Status write_empty_segment(Device& device, const SegmentWriter::Place& place);

}  // namespace bimip::log_tools
