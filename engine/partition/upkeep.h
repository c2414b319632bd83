// What a partition does to its sealed segments by itself, in the background. Order of steps and
// reasons: docs/design/rewrite.md.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>

#include "engine/base/clock.h"
#include "engine/partition/compaction.h"
#include "engine/partition/jobs.h"
#include "engine/partition/partition_reader.h"
#include "engine/partition/rewrite_budget.h"
#include "engine/partition/segment_keeper.h"
#include "engine/partition/segment_rewrite.h"

namespace bimip::engine {

// What was rewritten so far. Read from any thread.
struct UpkeepCounters {
  std::atomic<std::uint64_t> rewrites{0};
  std::atomic<std::uint64_t> compactions{0};  // passes over a partition that came to their end
  std::atomic<std::uint64_t> records_dropped{0};
  std::atomic<std::uint64_t> failed{0};  // tried again later, or given up for damage
  std::atomic<std::uint64_t> bytes_read{0};
  std::atomic<std::uint64_t> bytes_written{0};
  std::atomic<std::uint64_t> bytes_freed{0};  // of files that are no more
};

// A survey, then the groups that came of it.
struct CompactionPass {
  std::shared_ptr<KeySurvey> survey;
  std::vector<CompactionGroup> groups{};  // once it is done
  std::size_t next = 0;
  bool failed = false;  // something older may hold what a later tombstone deletes
};

// Chooses what to do, one thing at a time, and drives it: the keeper's short steps as jobs of the
// writer, the long reading and writing step by step on `background`. Owner-thread only: that of
// the writer loop. A failure here costs nothing but the wish: the log stays as it is, and it is
// tried again later.
class Upkeep {
 public:
  using KeeperWork = std::move_only_function<Status()>;
  using KeeperDone = std::move_only_function<void(Status)>;
  struct Parts {
    Device& device;
    BufferPool& pool;
    const Clock& clock;
    JobRunner& background;
    RewriteBudget& budget;
    UpkeepCounters& counters;
    SegmentKeeper& keeper;
    PartitionReader& reader;
    std::function<void(Job)> post;  // runs a job on the writer loop's thread
    std::function<void(KeeperWork, KeeperDone)> run_keeper;  // in turn with the keeper's other jobs
    // None of the keeper's jobs is under way: its manifest may be looked at.
    std::function<bool()> keeper_is_free;
    std::function<std::uint64_t()> active_bytes;  // of the active segment
    std::function<void(Error)> degrade;           // the manifest could not be changed
    // Of the records that are held until their time.
    std::function<std::optional<Offset>()> oldest_held;
    std::function<std::vector<Offset>(OffsetRange)> held_in;
  };
  Upkeep(Parts parts, const TopicConfig& config) : parts_(std::move(parts)), config_(config) {}
  ~Upkeep();

  void configure(const TopicConfig& config) {
    config_ = config;
    look_again_ = true;
  }
  // The partition's segments changed.
  void changed() { look_again_ = true; }
  // A few times a second.
  void tick();
  // Begins nothing any more, gives up what is under way.
  void stop();
  // Nothing of it runs on another thread.
  [[nodiscard]] bool idle() const { return !stepping_; }

 private:
  void choose();
  [[nodiscard]] bool choose_retention();
  [[nodiscard]] bool choose_packing();
  [[nodiscard]] bool choose_compaction();
  [[nodiscard]] bool is_skipped(const ManifestSegment& segment) const;
  [[nodiscard]] LapsedRecords lapsed_in(const std::vector<ManifestSegment>& segments) const;

  // Compaction.
  void survey_some();
  void surveyed(Result<bool> done);
  void continue_pass();
  void try_singly(std::vector<ManifestSegment> sources);
  [[nodiscard]] bool is_listed(const std::vector<ManifestSegment>& sources) const;

  struct Task {
    std::vector<ManifestSegment> sources{};
    std::unique_ptr<RecordFilter> filter;
    Timestamp cleaned_at{};
  };
  void begin(Task task);
  void reserved(Epoch epoch);
  void advance();
  void stepped(Result<bool> done);
  void replace();
  void replaced();
  void let_go(std::vector<ManifestSegment> segments, std::function<void()> then);
  void failed(const Error& error);
  void finish();
  [[nodiscard]] bool enter();
  void leave();

  Parts parts_;
  TopicConfig config_;
  bool look_again_ = true;
  bool stopped_ = false;
  std::chrono::nanoseconds next_look_{};
  std::chrono::nanoseconds retry_at_{};
  std::set<Epoch> skipped_;  // damaged as a whole: left alone until the partition is reopened

  bool moving_start_ = false;
  bool entered_ = false;  // the budget
  std::optional<CompactionPass> pass_;
  std::optional<Task> task_;
  std::shared_ptr<SegmentRewrite> rewrite_;  // shared with the job that works on it
  bool stepping_ = false;                    // a step runs on `background`
  bool waiting_ = false;                     // for the budget
};

// Whether the file takes more than it should for its records, and writing it anew would help.
[[nodiscard]] bool wants_packing(const ManifestSegment& segment);

}  // namespace bimip::engine
