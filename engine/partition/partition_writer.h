// The writing side of a partition: packs waiting appends into commit blocks, keeps several on their
// way to the disk, answers them in order, rolls from segment to segment. Reasons and figures:
// docs/design/append.md.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/base/clock.h"
#include "engine/device/device.h"
#include "engine/partition/commit_counters.h"
#include "engine/partition/due_partitions.h"
#include "engine/partition/held_records.h"
#include "engine/partition/jobs.h"
#include "engine/partition/open_partitions.h"
#include "engine/partition/partition_reader.h"
#include "engine/partition/recovery.h"
#include "engine/partition/release.h"
#include "engine/partition/request_queue.h"
#include "engine/partition/trouble_counters.h"
#include "engine/partition/upkeep.h"

namespace bimip::engine {

class Partition;

// What a writer works with. All of it outlives the writer.
struct WriterParts {
  Device& device;
  Partition& partition;  // that this is the writer of: the owner of its device operations
  WriteQueue& queue;
  JobRunner& jobs;
  const Clock& clock;
  BufferPool& pool;
  TailCache& tail;
  JobRunner& background;  // for long work, never `jobs`' turn
  RewriteBudget& budget;
  UpkeepCounters& counters;
  TroubleCounters& troubles;
  CommitCounters& commits;
  OpenPartitions& places;
  DuePartitions& due;
  Housekeeping housekeeping = Housekeeping::kByItself;
  std::function<void(Job)> post;  // runs a job on the writer loop's thread, soon; thread-safe
};

// A state machine fed by its writer loop: requests, finished device operations, finished jobs,
// time. It never blocks. Owner-thread only. Invariants: blocks reach `reader` and requests their
// answer in offset order; on a durable topic neither before the bytes are durable; the durable
// offset in a block is at most its base offset; after the first failed write or sync nothing is
// written any more (kDegraded).
class PartitionWriter {
 public:
  PartitionWriter(WriterParts parts, const TopicConfig& config, RecoveredPartition recovered,
                  PartitionReader& reader, EntityIndex& entities);

  // Takes a valid request; its answer comes in due time.
  void accept(AppendRequest& request);
  // Packs and submits what can be.
  void pump();
  // One of this writer's operations came back from the queue; its result is in it.
  void on_finished(DeviceOperation& operation);
  // Appends those of its held records whose time has come.
  void release_due();
  // Called a few times a second: age of the segment, background sync, the closing witness of an
  // idle log.
  void tick();

  // Refuses new requests from now on; finishes what was accepted, makes everything durable, vouches
  // for it.
  void close();
  void erase(EraseRequest& request);
  void set_floor(Offset floor) { upkeep_.set_floor(floor); }
  // From now on: what may be changed of a topic's configuration.
  void configure(const TopicConfig& config);
  // Nothing is in flight and, after close(), nothing will be.
  [[nodiscard]] bool idle() const;
  // It is degraded and idle: it lets go of its place and the queue of its file, which readers keep.
  // Nothing but destroying it may follow.
  void release_files();

  // Its place among the open partitions. It begins without one when all are taken, and asks for it
  // when there is something to write.
  void open_files();
  [[nodiscard]] bool can_give_back() const;
  void give_back_files();
  // Others wait for the place: finish what is under way. Whoever has written nothing yet keeps it:
  // else all would come and go, and nobody write.
  void yield_files() { yielding_ = yielding_ || has_written_; }
  [[nodiscard]] bool is_yielding() const { return yielding_; }
  [[nodiscard]] std::chrono::nanoseconds last_used() const { return last_used_; }

  [[nodiscard]] Offset visible_end() const { return visible_end_; }
  [[nodiscard]] const std::optional<Error>& degraded() const { return degraded_; }
  // What a degraded writer failed with may pass by itself: there was no space, no descriptor.
  [[nodiscard]] bool may_heal() const { return may_heal_; }

 private:
  struct Answer {
    AppendRequest* request;
    Appended appended;
  };
  enum class CommitKind : std::uint8_t { kBlock, kSegmentHeader };
  struct Commit {
    DeviceOperation operation;
    CommitKind kind = CommitKind::kBlock;
    BlockRef block;
    std::shared_ptr<Buffer> memory{};
    std::vector<Answer> answers{};
    std::chrono::nanoseconds submitted_at{};
    bool finished = false;
  };
  enum class Phase : std::uint8_t {
    kWriting,
    kDraining,   // a roll is due: waits for the commits in flight
    kPreparing,  // waits for the next segment's space
    kBeginning,  // waits for the next segment's header
  };

  // Packing.
  bool commit_some();
  [[nodiscard]] bool worth_committing() const;
  [[nodiscard]] bool entities_are_here();
  void look_up(std::vector<EntityHash> hashes);
  [[nodiscard]] bool make_room(std::size_t block_bytes);
  struct Packed {
    std::size_t payload_bytes = 0;
    std::uint32_t records = 0;
  };
  void pack_request(AppendRequest& request, MutableBytes payload, Timestamp now, Commit& commit,
                    Packed& packed);
  [[nodiscard]] bool is_superseded(const AppendRequest& request, Timestamp now) const;
  [[nodiscard]] std::optional<Error> refusal(const AppendRequest& request, Timestamp now) const;
  void submit_block(Commit& commit, const Packed& packed, Timestamp now);
  void submit(Commit& commit);
  void answer_behind_newest(Commit& unused);
  [[nodiscard]] Commit& next_commit();
  [[nodiscard]] Timestamp stamp();
  [[nodiscard]] bool checkpoint_due() const;
  void plan_checkpoint();

  // Publishing.
  void publish_finished();
  void publish(Commit& commit);
  void answer(std::vector<Answer>& answers, Offset end);
  void start_sync();
  void on_synced();
  void durable_moved();
  void write_witness();
  void tick_without_files(std::chrono::nanoseconds now);
  [[nodiscard]] bool is_aged() const;

  // Records that are held until their time.
  [[nodiscard]] std::optional<Error> refusal_to_hold(const AppendRequest& request,
                                                     Timestamp now) const;
  // By the wall clock, which may be behind the records' timestamps.
  [[nodiscard]] bool is_due(const RecordFields& held) const {
    return *held.not_before <= parts_.clock.now();
  }
  [[nodiscard]] ProducerState remembered() const;
  void announce_due();
  void append_release();
  void append_part();
  void end_release(Status result);

  // Files.
  void want_files();
  struct Files {
    std::shared_ptr<File> active{};
    std::shared_ptr<File> prepared{};
  };
  void files_opened(const Files& files);
  void release_slot();

  // Segments.
  void start_roll();
  void advance_roll();
  void begin_segment();
  void segment_begun();
  struct SealWork {
    SegmentKeeper::Seal seal;
    SegmentHeader next;
  };
  void seal_behind(std::shared_ptr<SealWork> work);
  void prepare_next();
  void extend(std::size_t block_bytes);
  void write_checkpoint();
  void check_presence();
  struct KeeperJob {
    std::move_only_function<Status()> work;      // on a job thread
    std::move_only_function<void(Status)> done;  // on the loop's thread
  };
  void run_job(KeeperJob job);
  void start_next_job();
  [[nodiscard]] ZeroAhead zero_ahead() const;
  [[nodiscard]] bool is_young() const;
  [[nodiscard]] std::uint64_t extend_bytes() const;
  [[nodiscard]] Upkeep::Parts upkeep_parts();

  // Erasure.
  [[nodiscard]] ErasureHooks erasure_hooks();
  [[nodiscard]] bool is_being_erased(const AppendRequest& request) const;
  [[nodiscard]] Result<bool> erased_is_sealed();

  // Trouble.
  void degrade(Error error);
  void refuse_pending(const Error& error);
  void out_of_space(Error error);
  void give_up_roll();

  WriterParts parts_;
  TopicConfig config_;
  PartitionReader& reader_;
  std::unique_ptr<SegmentKeeper> keeper_;  // used by one job at a time
  Upkeep upkeep_;

  SegmentSpace space_;
  std::optional<FileSlot> slot_{};  // while the files are open
  bool wants_files_ = false;
  bool has_written_ = false;  // since they were opened
  bool yielding_ = false;
  std::shared_ptr<ActiveSegment> active_{};
  LogTail tail_{};  // behind the last packed block
  SegmentTotals totals_{};
  ProducerTable producers_;
  HeldRecords held_;
  std::unique_ptr<Release> release_{};  // while one is under way
  Timestamp release_retry_at_{};
  std::size_t release_window_ = limits::kReleaseRecordsMax;
  EntityIndex& entities_;                                     // the partition's
  SegmentKeeper::Keyed keyed_ = SegmentKeeper::Keyed::kSome;  // records since the newest checkpoint
  bool looking_up_ = false;                                   // entities that are not in memory
  Timestamp last_timestamp_{};
  std::optional<SegmentSpace> prepared_{};
  std::optional<SegmentHeader> next_header_{};  // of the prepared segment, while it begins

  RequestList pending_;
  std::size_t pending_payload_ = 0;
  std::size_t pending_count_ = 0;
  std::uint64_t accepted_ = 0;  // requests, ever
  struct Erasing {
    std::vector<std::byte> key{};
    std::uint64_t accepted_before = 0;     // requests, when the refusal of the key began
    std::optional<Offset> sealed_until{};  // what is to be sealed, once those are packed
  };
  std::optional<Erasing> erasing_{};
  std::array<Commit, limits::kCommitsInFlightMax> commits_;  // a ring
  std::size_t oldest_commit_ = 0;
  std::size_t in_flight_ = 0;
  std::vector<Answer> scratch_{};

  Offset written_end_{};
  Offset durable_end_{};
  Offset visible_end_{};
  DeviceOperation sync_operation_;
  bool syncing_ = false;
  Offset sync_covers_{};
  std::deque<std::pair<Offset, Answer>>
      awaiting_sync_;  // each is answered when durable_end_ reaches its offset

  Phase phase_ = Phase::kWriting;
  std::uint64_t mean_block_bytes_ = 0;
  std::uint64_t since_checkpoint_ = 0;
  std::optional<Checkpoint>
      planned_checkpoint_{};  // to be written once durable_end_ reaches its end
  SegmentKeeper::Keyed planned_keyed_ = SegmentKeeper::Keyed::kSome;  // of planned_checkpoint_
  bool checkpointing_ = false;
  std::shared_ptr<SealWork> blocked_seal_{};  // waits for space
  bool extending_ = false;
  bool preparing_ = false;
  bool witnessed_ = false;  // the newest block vouches for all before it
  std::deque<KeeperJob> jobs_;
  bool job_running_ = false;

  std::optional<Error> degraded_{};
  bool may_heal_ = false;
  std::optional<Error> no_space_{};  // until space_retry_at_
  bool closing_ = false;
  std::chrono::nanoseconds last_activity_{};
  std::chrono::nanoseconds last_used_{};
  std::chrono::nanoseconds last_sync_{};
  std::chrono::nanoseconds last_checkpoint_{};
  std::chrono::nanoseconds space_retry_at_{};
  std::chrono::nanoseconds last_presence_check_{};
};

}  // namespace bimip::engine
