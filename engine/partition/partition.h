// One partition: its writer and its reader, and the door between threads.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/partition/partition_reader.h"
#include "engine/partition/partition_writer.h"
#include "engine/partition/requests.h"

namespace bimip::engine {

class WriterLoop;

// Thread-safe, except where it says so. Owned by the store, outlives every request.
class Partition {
 public:
  struct Parts {
    WriterLoop& loop;
    PartitionReader::Parts reader;
  };
  Partition(Parts parts, SegmentKeeper::Place place, const TopicConfig& config);

  // Checks the request, counts it against the bound and hands it to the writer loop.
  void append(AppendRequest& request);
  // Nothing can be read from a partition that could not be opened: then why not.
  [[nodiscard]] const std::optional<Error>& unusable() const { return unusable_; }
  [[nodiscard]] const PartitionReader& reader() const { return reader_; }
  [[nodiscard]] const SegmentKeeper::Place& place() const { return place_; }
  [[nodiscard]] const TopicConfig& config() const { return config_; }

  // `watcher` is told of every advance from now on until unwatch() has returned.
  void watch(Watcher& watcher);
  void unwatch(Watcher& watcher);

  // Before the partition is known to other threads: it could not be recovered.
  void set_unusable(Error error) { unusable_ = std::move(error); }

  // On the writer loop's thread, or before that runs:
  void open(WriterParts parts, RecoveredPartition recovered);
  [[nodiscard]] PartitionWriter& writer() { return *writer_; }
  void took(const AppendRequest& request) {
    pending_bytes_.fetch_sub(request.payload_bytes_, std::memory_order_relaxed);
  }
  void notify_watchers();
  // Marks the partition as having something to do this round; false when it was marked already.
  [[nodiscard]] bool touch() { return !std::exchange(touched_, true); }
  void untouch() { touched_ = false; }

 private:
  [[nodiscard]] Status check(AppendRequest& request);

  WriterLoop& loop_;
  const SegmentKeeper::Place place_;
  const TopicConfig config_;
  std::optional<Error> unusable_;
  PartitionReader reader_;
  std::atomic<std::size_t> pending_bytes_{0};
  std::unique_ptr<PartitionWriter> writer_;
  Offset told_;           // on the loop's thread
  bool touched_ = false;  // on the loop's thread
  std::atomic<bool> watched_{false};
  Mutex mutex_;  // held while watchers are told
  std::vector<Watcher*> watchers_ GUARDED_BY(mutex_);
};

}  // namespace bimip::engine
