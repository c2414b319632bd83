// The two states of a segment: active (growing, its index in memory) and sealed (immutable, its
// index mapped).
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "engine/base/thread_annotations.h"
#include "engine/device/device.h"
#include "engine/format/manifest.h"
#include "engine/format/segment_header.h"
#include "engine/segment/block.h"
#include "engine/segment/entity_directories.h"
#include "engine/segment/index_builder.h"

namespace bimip::engine {

// What a reader needs of a segment in either state. Thread-safe.
class Segment {
 public:
  virtual ~Segment() = default;
  [[nodiscard]] const SegmentIdentity& identity() const { return identity_; }
  // None while its writer has given the file back: then it is opened under its name.
  [[nodiscard]] std::shared_ptr<File> file() const {
    const MutexLock lock(file_mutex_);
    return file_;
  }
  [[nodiscard]] Offset base_offset() const { return base_offset_; }
  // Where to begin reading for an offset or a time; the first block's place when nothing is nearer.
  [[nodiscard]] virtual IndexEntry find(Offset target) const = 0;
  [[nodiscard]] virtual IndexEntry find(Timestamp target) const = 0;
  // No block begins at or after this position.
  [[nodiscard]] virtual FilePosition end() const = 0;
  // Which records are whose: of a sealed segment all, of an active one those before its newest
  // checkpoint. May read the disk. Of a sealed segment: kIo.
  [[nodiscard]] virtual Result<std::shared_ptr<const EntityDirectories>> entities() const = 0;

 protected:
  Segment(SegmentIdentity identity, std::shared_ptr<File> file, Offset base_offset)
      : identity_(identity), file_(std::move(file)), base_offset_(base_offset) {}
  void set_file(std::shared_ptr<File> file) {
    const MutexLock lock(file_mutex_);
    file_.swap(file);  // the old one is closed after the lock is gone
  }
  [[nodiscard]] IndexEntry first_block() const {
    return {.base_offset = base_offset_, .position = FilePosition(limits::kSectorBytes)};
  }

 private:
  SegmentIdentity identity_{};
  mutable Mutex file_mutex_;
  std::shared_ptr<File> file_ GUARDED_BY(file_mutex_){};
  Offset base_offset_{};
};

// The writable tail. The partition's writer adds blocks; readers look up.
class ActiveSegment final : public Segment {
 public:
  // `end`: behind its last block.
  ActiveSegment(SegmentHeader header, std::shared_ptr<File> file, IndexBuilder index,
                FilePosition end)
      : Segment(header.identity, std::move(file), header.base_offset),
        header_(header),
        index_(std::move(index)),
        end_(end) {}

  [[nodiscard]] const SegmentHeader& header() const { return header_; }
  void add(const BlockHeader& block);
  [[nodiscard]] std::vector<IndexEntry> entries() const;
  // Gives the file back until it is needed again.
  void release_file() { set_file(nullptr); }
  using Segment::set_file;

  [[nodiscard]] IndexEntry find(Offset target) const override;
  [[nodiscard]] IndexEntry find(Timestamp target) const override;
  [[nodiscard]] FilePosition end() const override;
  // Made again in memory when the file of its runs cannot be read. kIo.
  [[nodiscard]] Result<std::shared_ptr<const EntityDirectories>> entities() const override;

  // From now on these are the directories of its runs, and where they end.
  struct Runs {
    Device* device = nullptr;
    BufferPool* pool = nullptr;
    Path path{};
    std::vector<std::uint64_t> lengths{};
    FilePosition log_end{};
    Offset end_offset{};
  };
  void set_runs(Runs runs);

 private:
  SegmentHeader header_;
  mutable Mutex mutex_;
  Runs runs_ GUARDED_BY(mutex_);
  mutable std::shared_ptr<const EntityDirectories> directories_ GUARDED_BY(mutex_);
  IndexBuilder index_ GUARDED_BY(mutex_);
  FilePosition end_ GUARDED_BY(mutex_);
};

// Immutable.
class SealedSegment final : public Segment {
 public:
  // An index that is missing or wrong is rebuilt from the blocks and written anew. The blocks
  // themselves are checked when they are read. kDamaged when the file has not its length,
  // kNotFound, kIo.
  struct Place {
    Path folder{};
    SegmentIdentity segment{};
    Offset base_offset{};
    Offset end_offset{};
    std::uint64_t file_bytes = 0;  // as the manifest knows it
  };
  [[nodiscard]] static Result<std::shared_ptr<SealedSegment>> open(Device& device,
                                                                   const Place& place,
                                                                   BufferPool& pool);

  [[nodiscard]] IndexEntry find(Offset target) const override;
  [[nodiscard]] IndexEntry find(Timestamp target) const override;
  [[nodiscard]] FilePosition end() const override { return end_; }
  // Opened once it is asked for; rebuilt from the blocks and written anew when missing or wrong.
  [[nodiscard]] Result<std::shared_ptr<const EntityDirectories>> entities() const override;

 private:
  [[nodiscard]] IndexEntry unless_unreadable(const std::optional<IndexEntry>& found) const;
  SealedSegment(Device& device, BufferPool& pool, const Place& place, std::shared_ptr<File> file,
                std::unique_ptr<Mapping> mapping, IndexView index)
      : Segment(place.segment, std::move(file), place.base_offset),
        device_(device),
        pool_(pool),
        place_(place),
        mapping_(std::move(mapping)),
        index_(index),
        end_(place.file_bytes - limits::kSectorBytes) {}

  Device& device_;
  BufferPool& pool_;
  const Place place_;

  std::unique_ptr<Mapping> mapping_;
  IndexView index_;
  FilePosition end_{};
  mutable Mutex mutex_;  // held while the directory is opened
  mutable std::shared_ptr<const EntityDirectories> directories_ GUARDED_BY(mutex_);
};

// The directory of a sealed segment; rebuilt from its blocks and written anew when it is missing or
// wrong. kDamaged when there are no blocks either (`file` is none), kIo, kNoSpace.
struct OpenedEntities {
  std::shared_ptr<const EntityDirectories> directories{};
  std::string why{};  // it was rebuilt; empty when it was not
};
[[nodiscard]] Result<OpenedEntities> open_entities(Device& device, BufferPool& pool,
                                                   const SealedSegment::Place& place,
                                                   std::shared_ptr<const File> file);
// The same, with the file that is there under the segment's name.
[[nodiscard]] Result<OpenedEntities> open_entities(Device& device, BufferPool& pool,
                                                   const SealedSegment::Place& place);

// Of a sealed segment that the manifest of `partition` (its epoch is zero) lists.
[[nodiscard]] SealedSegment::Place place_of(const Path& folder, const SegmentIdentity& partition,
                                            const ManifestSegment& segment);

// The index of the blocks in [first block, place.end), damaged ones passed over.
[[nodiscard]] Result<IndexBuilder> rebuild_index(std::shared_ptr<const File> file,
                                                 const SegmentIdentity& segment, FilePosition end,
                                                 BufferPool& pool);

}  // namespace bimip::engine
