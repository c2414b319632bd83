// Writes sealed segments anew: packs what small commits left sparse, leaves out what retention,
// compaction or erasure decided. The order of steps and why a crash harms nothing:
// docs/design/rewrite.md.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engine/device/buffer_pool.h"
#include "engine/device/device.h"
#include "engine/format/log_tail.h"
#include "engine/format/manifest.h"
#include "engine/segment/block_reader.h"
#include "engine/segment/entity_directories.h"
#include "engine/segment/index_builder.h"

namespace bimip::engine {

// What becomes of a record when its segment is written anew.
enum class Fate : std::uint8_t {
  kKept,
  kUnlinked,  // kept; its entity's record before it is gone, so it names none any more
  kDropped,
};

// Asked once for every record, in offset order. Thread-compatible.
class RecordFilter {
 public:
  virtual ~RecordFilter() = default;
  [[nodiscard]] virtual Result<Fate> decide(const Record& record) = 0;
};

// One rewrite, step by step, off the writer's thread. It makes EPOCH.segment.new, reads it back,
// compares, makes EPOCH.index and EPOCH.entities; the old files stay as they are. Nothing counts
// before the manifest lists it (SegmentKeeper::replace_segments). Memory is bounded by two blocks,
// the index and 48 bytes for each keyed record that is kept.
// Offsets are preserved: a block spans the offsets of those it was made from. Destroying it before
// the keeper took its file removes that. Thread-compatible.
class SegmentRewrite {
 public:
  // What to do with bytes that are no good block.
  enum class Damaged : std::uint8_t {
    kSetAside,  // into EPOCH.quarantine-POSITION, durably
    kLeftOut,   // for erasure: nobody can say whose they are
  };
  struct Plan {
    Path folder{};
    SegmentIdentity partition{};              // its epoch is zero
    std::vector<ManifestSegment> sources{};   // neighbours, oldest first
    std::optional<ManifestSegment> before{};  // the segment in front of them
    Epoch epoch{};                            // of the new one; reserved
    Timestamp now{};
    Timestamp cleaned_at{};  // for the manifest
    Damaged damaged = Damaged::kSetAside;
  };
  struct Outcome {
    ManifestSegment segment{};        // as the manifest is to list it
    std::vector<OffsetRange> lost{};  // cannot be read: gaps before and after
    std::uint64_t records_dropped = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t bytes_written = 0;
  };

  SegmentRewrite(Device& device, BufferPool& pool, Plan plan, RecordFilter& filter);
  ~SegmentRewrite();

  // Does some of it, about limits::kRewriteStepBytes; true when all is done and durable, but for
  // the name. After an error it is over. kDamaged: a source has not its length or no readable
  // header, or what was read back is not what was written; kUnsupportedVersion: a block of a later
  // program; kNoSpace, kIo. The sources are untouched in each case.
  [[nodiscard]] Result<bool> step();

  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] const Outcome& outcome() const { return outcome_; }
  // The file belongs to somebody else now.
  void release() { owns_file_ = false; }
  // Destroying it removes files.
  [[nodiscard]] bool owns_file() const { return owns_file_; }

 private:
  enum class Phase : std::uint8_t { kBegin, kCopy, kCompare, kDone };

  [[nodiscard]] Path path(const std::string& name) const { return plan_.folder / name; }
  [[nodiscard]] Path unfinished() const;
  [[nodiscard]] SegmentIdentity identity(Epoch epoch) const;

  // Copying.
  [[nodiscard]] Status begin();
  [[nodiscard]] Result<SegmentHeader> known_start();
  [[nodiscard]] Status open_source();
  [[nodiscard]] Status copy_some();
  [[nodiscard]] Status copy_block(const Block& block);
  [[nodiscard]] Status pass_damage();
  [[nodiscard]] Status lose(Offset until);
  [[nodiscard]] Status set_aside(FilePosition from, FilePosition end);
  [[nodiscard]] Status close_block();
  [[nodiscard]] Status flush();
  [[nodiscard]] Status finish();
  // Comparing.
  [[nodiscard]] Status compare_some();
  [[nodiscard]] Status compare_end();

  Device& device_;
  BufferPool& pool_;
  const Plan plan_;
  RecordFilter& filter_;
  Outcome outcome_;
  Phase phase_ = Phase::kBegin;
  bool owns_file_ = false;

  // The source in work.
  std::size_t source_ = 0;
  std::shared_ptr<const File> source_file_;
  std::optional<BlockReader> reader_;
  Offset expected_{};  // where the next block should begin

  // The new segment.
  SegmentHeader header_{};
  SegmentFooter footer_{};
  std::shared_ptr<File> file_;
  LogTail tail_{};
  SegmentTotals totals_{};
  Hash128 taken_{};      // of all records that went in
  Hash128 read_back_{};  // of all records found again
  Buffer out_;           // finished blocks that are not written yet
  std::size_t out_bytes_ = 0;
  std::vector<std::byte> payload_;  // of the block in work, which covers [block_first_, expected_)
  Offset block_first_{};
  std::uint32_t block_records_ = 0;
  Timestamp block_earliest_{};
  Timestamp block_latest_{};

  LogTail compared_{};
  SegmentTotals compared_totals_{};
  IndexBuilder index_;
  std::optional<DirectoryBuilder> entities_;
};

}  // namespace bimip::engine
