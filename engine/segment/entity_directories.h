// The entity directories of one segment, opened, and made from its blocks. Format page:
// docs/design/format-entities.md.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/device/buffer_pool.h"
#include "engine/device/device.h"
#include "engine/format/entity_directory.h"
#include "engine/segment/block.h"

namespace bimip::engine {

// One file of directories, mapped and checked: that of a sealed segment, or the runs of an active
// one. Immutable.
class EntityDirectories {
 public:
  // `lengths` of the directories in the file, one behind another. kNotFound, kDamaged, kForeign,
  // kUnsupportedVersion, kIo.
  [[nodiscard]] static Result<std::shared_ptr<const EntityDirectories>> open(
      Device& device, const Path& path, const SegmentIdentity& segment,
      std::span<const std::uint64_t> lengths);
  // A file that is one directory as a whole.
  [[nodiscard]] static Result<std::shared_ptr<const EntityDirectories>> open(
      Device& device, const Path& path, const SegmentIdentity& segment);
  // Of a directory in memory.
  [[nodiscard]] static Result<std::shared_ptr<const EntityDirectories>> of(
      const SegmentIdentity& segment, std::vector<std::byte> directory);
  // None at all.
  EntityDirectories() = default;

  // In the order of the log.
  [[nodiscard]] const std::vector<EntityDirectoryView>& views() const { return views_; }
  // Asked after they were looked at: no, and what was found counts for nothing.
  [[nodiscard]] bool is_readable() const;
  // Behind the last record that they know.
  [[nodiscard]] Offset end() const {
    return views_.empty() ? Offset(0) : views_.back().offsets().end;
  }

 private:
  std::unique_ptr<Mapping> mapping_{};
  std::vector<std::byte> owned_{};
  std::vector<EntityDirectoryView> views_{};
};

// Makes a directory from blocks that come in the order of the log. Memory: 48 bytes a keyed record.
// Thread-compatible.
class DirectoryBuilder {
 public:
  explicit DirectoryBuilder(Offset first) : first_(first), next_(first) {}

  // Offsets from the first one to the end that no block spans are lost records.
  void add(const BlockHeader& header, RecordCursor records);
  // Of the offsets up to `end`; nothing is to be added any more.
  [[nodiscard]] std::vector<std::byte> finish(const SegmentIdentity& segment, Offset end);

 private:
  struct Found {
    EntityHash hash{};
    EntityRecord record{};
    std::optional<Offset> previous{};
  };
  // Nothing good comes before `offset` any more.
  void lose_until(Offset offset);

  const Offset first_;
  Offset next_;
  std::vector<LostRecords> lost_{};
  std::vector<Found> found_{};
};

// A stretch of a segment's blocks.
struct LogStretch {
  std::shared_ptr<const File> file{};
  SegmentIdentity segment{};
  FilePosition from{};  // where a block begins
  FilePosition end{};
  OffsetRange offsets{};  // that it should hold
};
// The directory of a stretch, read block by block. What cannot be read becomes lost records. kIo.
[[nodiscard]] Result<std::vector<std::byte>> build_directory(const LogStretch& stretch,
                                                             BufferPool& pool);

}  // namespace bimip::engine
