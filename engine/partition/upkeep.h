// What a partition does to its sealed segments by itself, in the background. Order of steps and
// reasons: docs/design/rewrite.md.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>

#include "engine/base/clock.h"
#include "engine/partition/entity_retention.h"
#include "engine/partition/erasure_proof.h"
#include "engine/partition/jobs.h"
#include "engine/partition/partition_reader.h"
#include "engine/partition/rewrite_budget.h"
#include "engine/partition/segment_keeper.h"
#include "engine/partition/segment_rewrite.h"

namespace bimip::engine {

// Whether it begins to pack, to compact and to remove by itself.
enum class Housekeeping : std::uint8_t { kByItself, kWhenAsked };

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
  Offset surveyed_end{};  // of what nothing held when it began
  Offset old_end{};       // of what was old then
  bool failed = false;    // something older may hold what a later tombstone deletes
  bool outdated = false;  // the configuration was changed since it began
};

// What an erasure needs of the writer, on its thread.
struct ErasureHooks {
  // From now on appends to the key are refused; after end_refusing() they are taken again.
  std::function<void(Bytes)> begin_refusing;
  std::function<void()> end_refusing;
  // Whether every record of the key is in a sealed segment; when not, what it takes was started.
  std::function<Result<bool>()> all_sealed;
  // All that is in the active segment now is to be sealed, whatever is known of the key.
  std::function<void()> must_seal;
  // What the writer remembers of idempotency keys, of records at these offsets, which rise.
  std::function<void(std::span<const Offset>)> forget_idempotency;
  std::function<void(const EntityHash&)> forget_entity;
};

// One erasure: what has the key is sealed, then looked for in directories, then written anew, then
// forgotten beside the segments, then proven gone. What the proof found is written anew too.
struct ErasurePass {
  enum class Phase : std::uint8_t { kSealing, kLooking, kRewriting, kProving, kFound };
  EraseRequest* request = nullptr;
  std::vector<std::byte> key{};
  EntityHash hash{};
  Phase phase = Phase::kSealing;
  std::vector<ManifestSegment> segments{};  // to look at, then to write anew
  std::size_t next = 0;
  std::vector<ManifestSegment> holding{};
  std::shared_ptr<ErasedRecords> erased = std::make_shared<ErasedRecords>();
  std::shared_ptr<ErasureProof> proof{};
  std::size_t proofs = 0;
  Erased result{};
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
    ErasureHooks erasure;
    Housekeeping housekeeping = Housekeeping::kByItself;
  };
  Upkeep(Parts parts, const TopicConfig& config) : parts_(std::move(parts)), config_(config) {}
  ~Upkeep();

  void configure(const TopicConfig& config) {
    config_ = config;
    look_again_ = true;
    surveyed_end_ = old_end_ = Offset(0);
    if (pass_) pass_->outdated = true;
  }
  // Nothing at or above it may go, where the topic has it so: of such a topic nothing goes before
  // this was said.
  void set_floor(Offset floor) { floor_ = floor; }
  // Before all else, one after another.
  void erase(EraseRequest& request);
  // The partition's segments changed.
  void changed() { look_again_ = true; }
  // A few times a second.
  void tick();
  // Begins nothing any more, gives up what is under way; erasures are answered with `why`.
  void stop(const Error& why);
  // Nothing of it runs on another thread, or will on the loop's.
  [[nodiscard]] bool idle() const { return !stepping_ && !called_; }

 private:
  void go_on();
  void choose();
  [[nodiscard]] bool choose_retention();
  [[nodiscard]] bool choose_packing();
  [[nodiscard]] bool choose_compaction();
  [[nodiscard]] bool wants_pass(const std::vector<ManifestSegment>& readable) const;
  [[nodiscard]] Offset retention_floor() const;
  [[nodiscard]] RetentionBasis retention_basis() const;
  [[nodiscard]] std::unique_ptr<RecordFilter> filter_of(CompactionGroup& group) const;
  void end_pass();
  void give_up_pass();
  [[nodiscard]] bool is_for_outdated_pass() const;
  [[nodiscard]] bool is_skipped(const ManifestSegment& segment) const;
  [[nodiscard]] LapsedRecords lapsed_in(const std::vector<ManifestSegment>& segments) const;

  // Compaction.
  void survey_some();
  void surveyed(Result<bool> done);
  void continue_pass();
  void try_rest(std::vector<ManifestSegment> sources);
  void try_singly(std::vector<ManifestSegment> sources);
  void add_singly(const std::vector<ManifestSegment>& sources);
  [[nodiscard]] bool is_listed(const std::vector<ManifestSegment>& sources) const;

  // Erasure.
  [[nodiscard]] bool choose_erasure();
  void continue_erasure();
  void look_on();
  void looked(const Result<bool>& holds);
  void erase_next();
  void forget_erased();
  void begin_proof();
  void prove_on();
  void proven(const Result<bool>& done);
  void erase_what_was_found();
  void end_erasure(Result<Erased> result);

  struct Task {
    std::vector<ManifestSegment> sources{};
    std::unique_ptr<RecordFilter> filter;
    Timestamp cleaned_at{};
    SegmentRewrite::Damaged damaged = SegmentRewrite::Damaged::kSetAside;
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
  void discard();
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
  // Of a topic that limits its keys' records: what the last pass knew, and when it may go again.
  Offset surveyed_end_{};
  Offset old_end_{};
  std::chrono::nanoseconds next_old_pass_{};
  std::optional<Offset> floor_{};
  std::deque<EraseRequest*> erasures_;  // that wait
  std::optional<ErasurePass> erasure_;
  bool forgetting_ = false;  // a job of the keeper's works for it
  std::optional<Task> task_;
  std::shared_ptr<SegmentRewrite> rewrite_;  // shared with the job that works on it
  bool stepping_ = false;                    // a step runs on `background`
  bool called_ = false;                      // tick() is on its way through the loop
  bool waiting_ = false;                     // for the budget
};

// Whether the file takes more than it should for its records, and writing it anew would help.
[[nodiscard]] bool wants_packing(const ManifestSegment& segment);

}  // namespace bimip::engine
