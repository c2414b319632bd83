// A data directory as a Log: its topics, their partitions, the threads that serve them.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/device/buffer_pool.h"
#include "engine/device/device.h"
#include "engine/format/catalog.h"
#include "engine/partition/jobs.h"
#include "engine/partition/recovery.h"
#include "engine/partition/segment_cache.h"
#include "engine/partition/tail_cache.h"
#include "engine/partition/writer_loop.h"
#include "engine/store/log.h"
#include "engine/store/scrubber.h"

namespace bimip::engine {

enum class Threading : std::uint8_t {
  kOwn,     // a writer thread, a job thread, reader threads, a background thread
  kManual,  // none: step() does the work, on the caller's thread, in a fixed order
};

struct StoreOptions {
  Path directory;
  std::uint64_t free_space_floor = limits::kFreeSpaceFloorDefault;
  // Kept zeroed and ready in whole segments, for bursts: docs/design/append.md. Made while the disk
  // is quiet, from the first roll on.
  std::uint64_t spare_bytes = 0;
  std::size_t reader_threads = 2;
  // A partition; colder ones are looked up on the disk when they are appended to.
  std::size_t entities_in_memory_max = limits::kEntitiesInMemoryMax;
  // What writing segments anew may read and write a second; 0: as fast as the disk.
  std::uint64_t rewrite_bytes_per_second = limits::kRewriteBytesPerSecond;
  ScrubOptions scrub{};
  Housekeeping housekeeping = Housekeeping::kByItself;
  // Seams. Not given: the machine's best device, the machine's clock. They outlive the store.
  Device* device = nullptr;
  const Clock* clock = nullptr;
  Threading threading = Threading::kOwn;
};

// What opening the store found and did.
struct StoreReport {
  StoreId store;
  bool created = false;  // there was no store; there is one now
  std::string device;
  std::string device_warning;  // why it is not the best one; empty when it is
  std::vector<PartitionReport> partitions;
  struct Unusable {
    std::string topic;
    PartitionId partition;
    Error error;
  };
  std::vector<Unusable> unusable;    // the others work
  std::vector<std::string> orphans;  // folders that no topic refers to

  [[nodiscard]] std::uint64_t bytes_read() const;
};

// Thread-safe. One a process and directory. Destroying it does what close() does.
class Store final : public Log {
 public:
  // Creates the store when the directory is missing or empty. Errors: kLocked, kForeign (a
  // directory of something else), kDamaged and kUnsupportedVersion (the catalog), kIo, kNoSpace. A
  // partition that cannot be recovered does not fail the store: it is in the report, and answers
  // with its error.
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(StoreOptions options);
  ~Store() override;

  [[nodiscard]] const StoreReport& report() const { return report_; }
  [[nodiscard]] Device& device() { return *device_; }
  [[nodiscard]] const UpkeepCounters& upkeep() const { return upkeep_; }
  // The online check of sealed segments.
  [[nodiscard]] const Scrubber& scrubber() const { return *scrubber_; }
  [[nodiscard]] const TroubleCounters& trouble_counters() const { return troubles_; }
  [[nodiscard]] const CommitCounters& commit_counters() const { return commits_; }

  // Refuses new appends, answers those accepted, makes all durable. Afterwards requests are
  // answered kClosed; no append or read may be made while it runs.
  void close();

  // Makes the spare segments of this length now, as many as the options allow. Blocks on the disk.
  [[nodiscard]] Status fill_spares(std::uint64_t segment_bytes);

  // kManual: does one round of everything that is due; false when there was nothing to do.
  bool step();

  [[nodiscard]] Result<TopicInfo> create_topic(std::string_view name,
                                               const TopicConfig& config) override;
  [[nodiscard]] Result<TopicInfo> alter_topic(std::string_view name,
                                              const TopicChange& change) override;
  [[nodiscard]] Result<TopicInfo> find_topic(std::string_view name) const override;
  [[nodiscard]] std::vector<TopicInfo> list_topics() const override;
  void append(AppendRequest& request) override;
  void read(ReadRequest& request) override;
  void find_time(TimeRequest& request) override;
  void find_entity(EntityRequest& request) override;
  void read_entity(EntityReadRequest& request) override;
  void list_entities(EntityListRequest& request) override;
  void erase_entity(EraseRequest& request) override;
  void set_retention_floor(TopicId topic, PartitionId partition, Offset floor) override;
  [[nodiscard]] Result<LogBounds> bounds(TopicId topic, PartitionId partition) const override;
  void reopen(ReopenRequest& request) override;
  [[nodiscard]] std::vector<PartitionTrouble> troubles() const override;
  [[nodiscard]] Status watch(TopicId topic, PartitionId partition, Watcher& watcher) override;
  void unwatch(TopicId topic, PartitionId partition, Watcher& watcher) override;

 private:
  struct Topic {
    TopicInfo info;
    std::vector<std::unique_ptr<Partition>> partitions;
  };

  explicit Store(StoreOptions options);
  [[nodiscard]] Status load();
  [[nodiscard]] Status create_catalog() EXCLUDES(catalog_mutex_);
  [[nodiscard]] Status load_catalog() EXCLUDES(catalog_mutex_);
  [[nodiscard]] Status start_threads();
  [[nodiscard]] Status find_orphans() REQUIRES(catalog_mutex_);
  [[nodiscard]] std::vector<SealedPlace> sealed_segments() const;
  [[nodiscard]] Status open_topics() EXCLUDES(catalog_mutex_);
  void open_topic(const CatalogTopic& topic, SyncedBy synced_by);
  [[nodiscard]] Status make_partition_files(const SegmentKeeper::Place& place, Timestamp now,
                                            SyncedBy synced_by);
  [[nodiscard]] Status make_topic_files(const CatalogTopic& topic);
  [[nodiscard]] Status set_aside(const Path& folder);
  [[nodiscard]] Path topic_folder(std::string_view name) const;
  [[nodiscard]] SegmentKeeper::Place place_of(const CatalogTopic& topic, PartitionId partition);
  void hand_over(Partition& partition, RecoveredPartition recovered);
  [[nodiscard]] Partition* find(TopicId topic, PartitionId partition) const;
  // The partition, when it can be read.
  [[nodiscard]] Result<const Partition*> readable(TopicId topic, PartitionId partition) const;
  [[nodiscard]] JobRunner& readers() { return manual_ != nullptr ? *jobs_ : *readers_; }
  [[nodiscard]] static Error no_such_partition(TopicId topic, PartitionId partition);

  StoreOptions options_;
  std::unique_ptr<Device> own_device_;
  Device* device_ = nullptr;
  const Clock* clock_ = nullptr;
  std::unique_ptr<FileLock> lock_;
  StoreReport report_;

  BufferPool pool_{limits::kBufferArenaBytes};
  TailCache tail_{limits::kTailCacheBytes};
  ReadAhead ahead_{limits::kReadAheadBytes};
  TroubleCounters troubles_;
  CommitCounters commits_;
  std::unique_ptr<SegmentCache> sealed_;
  std::unique_ptr<SpareSegments> spares_;
  std::unique_ptr<JobRunner> jobs_;
  std::unique_ptr<JobRunner> readers_;
  std::unique_ptr<JobRunner> background_;
  std::unique_ptr<RewriteBudget> budget_;
  UpkeepCounters upkeep_;
  std::unique_ptr<Scrubber> scrubber_;
  ManualJobRunner* manual_ = nullptr;  // all of them, when threading is manual
  std::unique_ptr<WriterLoop> loop_;
  bool loop_runs_ = false;
  bool opened_ = false;  // the report is complete

  Mutex catalog_mutex_;  // held while a topic is made
  Catalog catalog_ GUARDED_BY(catalog_mutex_);
  mutable std::shared_mutex names_mutex_;
  std::map<std::string, Topic*, std::less<>> by_name_;  // under names_mutex_
  std::vector<std::unique_ptr<Topic>> topics_;          // under names_mutex_
  std::array<std::atomic<Topic*>, limits::kTopicsMax + 1> by_id_{};
  std::atomic<bool> closed_{false};
};

}  // namespace bimip::engine
