// The readable side of a partition: finds blocks in memory, in the active segment, in sealed ones.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/thread_annotations.h"
#include "engine/entity/base_file.h"
#include "engine/format/manifest.h"
#include "engine/partition/read_ahead.h"
#include "engine/partition/requests.h"
#include "engine/partition/segment_cache.h"
#include "engine/partition/tail_cache.h"
#include "engine/segment/block_reader.h"
#include "engine/segment/segment.h"

namespace bimip::engine {

// A sealed segment: where it is, and the time of its last record.
struct SealedPlace {
  SealedSegment::Place place{};
  Timestamp last_timestamp{};
};

// Thread-safe. The partition's writer tells it what became visible and how the segments changed.
class PartitionReader {
 public:
  struct Parts {
    BufferPool& pool;
    TailCache& tail;
    SegmentCache& sealed;
    ReadAhead& ahead;
    const Clock& clock;
  };
  PartitionReader(Parts parts, Path folder, SegmentIdentity partition)
      : parts_(parts), folder_(std::move(folder)), partition_(partition) {}

  // Before any read, and after each recovery.
  void reset(const Manifest& manifest, std::shared_ptr<const ActiveSegment> active, Offset end);
  // A new active segment; the one before stays readable as it is until sealed() replaces it.
  void rolled(std::shared_ptr<const ActiveSegment> active);
  void sealed(const ManifestSegment& segment);
  // `rewritten` stands for `sources` from now on. Who reads those goes on reading them.
  void replaced(std::span<const ManifestSegment> sources, const ManifestSegment& rewritten);
  // Nothing below `start` can be read any more; the segments `gone` are no more.
  void moved_start(Offset start, std::span<const ManifestSegment> gone);
  // Offsets below `visible` can be read.
  void advance(Offset visible, Offset durable) {
    durable_.store(durable.value(), std::memory_order_release);
    visible_.store(visible.value(), std::memory_order_release);
  }

  [[nodiscard]] LogBounds bounds() const;
  [[nodiscard]] Timestamp now() const { return parts_.clock.now(); }

  [[nodiscard]] std::vector<SealedPlace> sealed_segments() const;

  // The answer when it needs no disk: from the tail cache, empty at the end, or a refusal; else
  // nothing.
  [[nodiscard]] std::optional<Result<RecordBatch>> read_memory(Offset from,
                                                               std::size_t bytes_max) const;
  // Blocks on the disk.
  [[nodiscard]] Result<RecordBatch> read_disk(Offset from, std::size_t bytes_max) const;
  // Blocks. Makes ready what comes next for who was answered up to `offset`, when it seems that
  // they go on.
  void read_on(Offset offset) const;
  [[nodiscard]] Result<Offset> find_time(Timestamp time) const;

  // The segment that holds a readable offset. kDamaged, with its offsets, when it cannot be opened;
  // kOutOfRange, kIo.
  [[nodiscard]] Result<std::shared_ptr<const Segment>> segment_at(Offset offset) const;
  // What is known of entities whose segments may be gone. kNotFound, kDamaged, kIo.
  [[nodiscard]] Result<std::shared_ptr<const BaseFile>> entity_base() const;
  // The offsets of each segment, newest first.
  [[nodiscard]] std::vector<OffsetRange> segments() const;

 private:
  // A segment as this reader knows it: open when it was active under this reader, else by its
  // place.
  struct Known {
    Offset base{};
    Timestamp last_timestamp{};  // of a sealed one
    std::shared_ptr<const Segment> open{};
    SealedSegment::Place place{};
  };
  [[nodiscard]] Known known_sealed(const ManifestSegment& segment) const;
  void forget(std::span<const ManifestSegment> segments);
  void forget(const SegmentIdentity& segment) const;
  [[nodiscard]] bool is_listed(const Known& known) const;
  struct Opened {
    Known known{};
    Result<std::shared_ptr<const Segment>> segment;
  };
  [[nodiscard]] std::optional<Opened> open_at(Offset offset) const;
  [[nodiscard]] std::optional<Known> segment_of(Offset offset) const;
  [[nodiscard]] std::optional<Known> segment_of(Timestamp time) const;
  [[nodiscard]] Error out_of_range(Offset offset) const;
  [[nodiscard]] Offset end_of(const Known& segment) const;
  [[nodiscard]] Result<std::shared_ptr<const Segment>> open(const Known& known) const;
  [[nodiscard]] Result<std::shared_ptr<const File>> file_of(const Segment& segment) const;
  struct Wanted {
    OffsetRange range{};
    std::size_t bytes_max = 0;
    bool is_sealed = false;
  };
  [[nodiscard]] Result<RecordBatch> read_segment(const Segment& segment,
                                                 const Wanted& wanted) const;
  [[nodiscard]] static Result<std::vector<BlockRef>> read_blocks(BlockReader& reader,
                                                                 Offset expected,
                                                                 const Wanted& wanted);
  [[nodiscard]] static ReadAhead::Place place_of(const Segment& segment, const IndexEntry& start,
                                                 Offset from);
  [[nodiscard]] BlockReader reader_at(const Segment& segment, const IndexEntry& start,
                                      std::shared_ptr<const File> file, bool is_ahead) const;
  void keep_ahead(const Segment& segment, BlockReader& reader, std::vector<BlockRef> blocks) const;
  [[nodiscard]] RecordBatch batch_of(const Segment& segment, std::vector<BlockRef> blocks,
                                     const Wanted& wanted) const;

  Parts parts_;
  const Path folder_;
  const SegmentIdentity partition_;
  std::atomic<std::uint64_t> start_{0};
  std::atomic<std::uint64_t> visible_{0};
  std::atomic<std::uint64_t> durable_{0};
  mutable Mutex mutex_;
  std::vector<Known> segments_ GUARDED_BY(mutex_);  // by base, oldest first
};

}  // namespace bimip::engine
