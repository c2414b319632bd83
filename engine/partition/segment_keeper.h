// A partition's files and its manifest: creates, extends, seals, checkpoints. All of it blocks on
// the disk. Format pages: docs/design/format-segment.md, format-tables.md; the order of steps:
// docs/design/segments.md.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/assert.h"
#include "engine/device/device.h"
#include "engine/format/log_tail.h"
#include "engine/format/manifest.h"
#include "engine/format/producer_state.h"
#include "engine/format/topic_config.h"
#include "engine/segment/segment.h"

namespace bimip::engine {

class SpareSegments;

// A segment file with room: bytes below `allocated_end` can be written without asking for space.
// None of them were written since this life of the file began.
struct SegmentSpace {
  Epoch epoch{};
  std::shared_ptr<File> file{};
  FilePosition allocated_end{};
};

enum class ZeroAhead : std::uint8_t { kNo, kYes };

// One at a time: its calls must not overlap, on whichever thread each is. After an error other than
// kNoSpace the partition is to be reopened.
class SegmentKeeper {
 public:
  struct Place {
    Path folder{};
    SegmentIdentity partition{};  // its epoch is zero
    Durability durability = Durability::kDurable;
    std::uint64_t free_space_floor = 0;
    SpareSegments* spares = nullptr;  // the store's; may be none
    BufferPool* pool = nullptr;       // the store's
    std::size_t entities_in_memory_max = limits::kEntitiesInMemoryMax;
  };
  SegmentKeeper(Device& device, Place place, Manifest manifest)
      : device_(device), place_(std::move(place)), manifest_(std::move(manifest)) {}

  // A new partition in an empty folder: its first segment, then its manifest. Not durable before
  // the folder and all in it are synced.
  [[nodiscard]] static Status create(Device& device, const Place& place, Timestamp now);
  // The file of a segment that was given back.
  [[nodiscard]] Result<std::shared_ptr<File>> open_segment(Epoch epoch) const;

  // Between the two it is a job's, on another thread. For its owner's thread.
  void lend() {
    BIMIP_ASSERT(!lent_);
    lent_ = true;
  }
  void take_back() { lent_ = false; }

  // Not while it is lent: for the owner, between jobs.
  [[nodiscard]] const Manifest& manifest() const {
    BIMIP_ASSERT(!lent_);
    return manifest_;
  }
  [[nodiscard]] const Path& folder() const { return place_.folder; }
  [[nodiscard]] SegmentIdentity identity(Epoch epoch) const;
  [[nodiscard]] Path path(const std::string& name) const { return place_.folder / name; }
  [[nodiscard]] SealedSegment::Place place_of(const ManifestSegment& segment) const;

  struct Space {
    std::uint64_t bytes = 0;          // to begin with
    std::uint64_t segment_bytes = 0;  // in the end: a spare of this length is taken as a whole
    ZeroAhead zero = ZeroAhead::kNo;
  };
  // Makes the segment after the active one, and lists it in the manifest before it is used. Durable
  // when it returns.
  [[nodiscard]] Result<SegmentSpace> prepare(const Space& space);

  // More room at the end; answers the new allocated_end. kNoSpace: the room is as before, or a part
  // more.
  [[nodiscard]] Result<FilePosition> extend(const SegmentSpace& space, std::uint64_t bytes,
                                            ZeroAhead zero);

  // Whether keyed records, or damage that may have been such, came since the newest checkpoint.
  enum class Keyed : std::uint8_t { kNone, kSome };
  struct Seal {
    SegmentHeader header;
    std::shared_ptr<File> file{};
    LogTail tail{};
    SegmentTotals totals{};
    std::vector<IndexEntry> index{};
    ProducerState producers{};  // as at `tail`
    Keyed keyed = Keyed::kSome;
  };
  // Completes the active segment and makes the prepared one, which began with `next`, the active
  // one: footer, length, index, producers, entities, then the manifest. Every step can be repeated
  // after a crash. Durable when it returns.
  [[nodiscard]] Status seal(const Seal& seal, const SegmentHeader& next);

  // An epoch for a rewrite that needs so much room, never used again whatever becomes of that.
  // Durable when it returns. kNoSpace: nothing changed.
  [[nodiscard]] Result<Epoch> reserve_epoch(std::uint64_t bytes);

  // Puts a rewritten segment, complete as EPOCH.segment.new beside its index and its entities, in
  // the place of those it was made from. When it has fewer records, what the sources say of
  // entities is counted into the entity base first. Then name, then manifest. The old files stay,
  // for readers that know of no others yet (remove_segments). A crash leaves the old or the new;
  // the next recovery removes the other. Durable when it returns. kNoSpace: nothing changed.
  [[nodiscard]] Status replace_segments(std::span<const ManifestSegment> sources,
                                        const ManifestSegment& rewritten);

  // Counts every sealed segment into the entity base: what it says of entities stays known when the
  // segments go. Durable when it returns. kNoSpace: nothing changed.
  [[nodiscard]] Status fold_entities();

  // For erasure, when no sealed segment has records of the entity any more. Each is durable when it
  // returns; a crash leaves what was or what is to be. kNoSpace, kIo.
  // The entity base says nothing of it.
  [[nodiscard]] Status forget_entity(const EntityHash& entity);
  // The table of producers and the checkpoint remember no idempotency key of the records at these
  // offsets, which rise.
  [[nodiscard]] Status forget_idempotency(std::span<const Offset> offsets);
  // Removes what was cut off and what was set aside: nobody can say whose records are in there.
  // Answers how many files. What was removed from the folder before is durably gone too.
  [[nodiscard]] Result<std::uint64_t> remove_side_files();

  // Moves the log's start up to `start`: the manifest forgets the sealed segments that end at or
  // before it. Answers those; their files stay. Durable when it returns. kNoSpace: nothing changed.
  [[nodiscard]] Result<std::vector<ManifestSegment>> move_start(Offset start);
  // The files of segments that the manifest does not list and no reader looks for any more. What is
  // left of them is removed by the next recovery.
  void remove_segments(std::span<const ManifestSegment> segments);

  // Durable when it returns. Losing it costs a longer recovery, nothing else. Adds what was written
  // since the one before to the segment's entity runs.
  struct CheckpointWork {
    SegmentHeader header;
    std::shared_ptr<File> file{};
    Checkpoint checkpoint{};  // its entity runs are set here
    Keyed keyed = Keyed::kSome;
  };
  [[nodiscard]] Status write_checkpoint(CheckpointWork work);

  // The entity runs of the active segment, as its newest checkpoint lists them.
  struct Runs {
    Epoch epoch{};
    std::vector<std::uint64_t> lengths{};
    FilePosition log_end{};  // what they cover
    Offset end_offset{};
  };
  [[nodiscard]] const Runs& runs() const {
    BIMIP_ASSERT(!lent_);
    return runs_;
  }
  [[nodiscard]] ActiveSegment::Runs runs_of(const SegmentIdentity& segment) const;
  // For recovery.
  void adopt_runs(Runs runs) { runs_ = std::move(runs); }

  // kIo unless the segment's file is still in the folder.
  [[nodiscard]] Status check_presence(Epoch epoch) const;

  // Writes a changed manifest: for recovery.
  [[nodiscard]] Status replace_manifest(Manifest manifest);

 private:
  [[nodiscard]] Result<SegmentSpace> new_segment(Epoch epoch, const Space& space);
  [[nodiscard]] Status check_space(std::uint64_t bytes) const;
  void remove_segment(Epoch epoch);
  [[nodiscard]] Status write_new(const std::string& name, Bytes bytes);
  [[nodiscard]] static Status cut_to(File& file, std::uint64_t bytes);
  void remove_quietly(const std::string& name);
  bool begin_runs(const SegmentHeader& header);
  [[nodiscard]] Result<std::vector<std::byte>> newest_run(const SegmentHeader& header,
                                                          std::shared_ptr<const File> file,
                                                          const LogTail& tail) const;
  [[nodiscard]] Status add_run(const CheckpointWork& work);
  // Unless the base counts in every record below `end`, fold_entities().
  [[nodiscard]] Status remember_entities(Offset end);
  [[nodiscard]] Result<std::vector<std::byte>> directory_of(const Seal& seal);

  Device& device_;
  Place place_;
  Manifest manifest_;
  Runs runs_{};
  Keyed owed_ = Keyed::kNone;  // to the runs, by a checkpoint that failed
  bool lent_ = false;          // the owner's thread alone looks at it
};

// Writes zeros over [from, end) and syncs.
[[nodiscard]] Status zero_range(File& file, FilePosition from, FilePosition end);

}  // namespace bimip::engine
