// One partition: its writer and its reader, and the door between threads.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/partition/entity_requests.h"
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
  // The same of a release of its writer's, on the loop's thread: neither checked nor refused for
  // what waits.
  void append_own(AppendRequest& request);
  // Nothing can be read from a partition that could not be opened: then why not.
  [[nodiscard]] std::optional<Error> unusable() const;
  [[nodiscard]] std::optional<PartitionTrouble> trouble() const;
  [[nodiscard]] const PartitionReader& reader() const { return reader_; }
  // A new one after each reopening. None when unusable.
  [[nodiscard]] std::shared_ptr<const EntityIndex> entities() const;
  [[nodiscard]] const SegmentKeeper::Place& place() const { return place_; }

  // `watcher` is told of every advance from now on until unwatch() has returned.
  void watch(Watcher& watcher);
  void unwatch(Watcher& watcher);

  // It could not be recovered, or an operation failed: appends are refused with `error`.
  void in_trouble(Error error);

  // On the writer loop's thread, or before that runs:
  void open(WriterParts parts, RecoveredPartition recovered);
  // None before the first open(), and while the partition is opened anew.
  [[nodiscard]] PartitionWriter* writer() { return writer_.get(); }
  // Its writer is in trouble, and idle.
  void close_writer();
  void accept(AppendRequest& request);
  void erase(EraseRequest& request);
  void set_floor(Offset floor);
  void took(const AppendRequest& request) {
    pending_bytes_.fetch_sub(request.payload_bytes_, std::memory_order_relaxed);
  }
  // From now on, and after each reopen: what may be changed of a topic's configuration.
  void configure(const TopicConfig& config);
  void notify_watchers();
  void notify_released(std::span<const RecordFields> records);
  // Marks the partition as having something to do this round; false when it was marked already.
  [[nodiscard]] bool touch() { return !std::exchange(touched_, true); }
  void untouch() { touched_ = false; }

 private:
  enum class State : std::uint8_t { kUnusable, kReadOnly, kOpen };
  [[nodiscard]] Status check(AppendRequest& request);
  [[nodiscard]] Error trouble_error() const;

  WriterLoop& loop_;
  const SegmentKeeper::Place place_;
  TopicConfig config_;  // on the loop's thread
  std::atomic<State> state_{State::kUnusable};
  mutable Mutex trouble_mutex_;
  Error trouble_ GUARDED_BY(trouble_mutex_){ErrorCode::kClosed, "the partition is being opened"};
  PartitionReader reader_;
  mutable Mutex entities_mutex_;
  std::shared_ptr<EntityIndex> entities_ GUARDED_BY(entities_mutex_){};
  std::atomic<std::size_t> pending_bytes_{0};
  std::unique_ptr<PartitionWriter> writer_;
  Offset told_;                    // on the loop's thread
  std::optional<Offset> floor_{};  // on the loop's thread
  bool touched_ = false;           // on the loop's thread
  std::atomic<bool> watched_{false};
  Mutex mutex_;  // held while watchers are told
  std::vector<Watcher*> watchers_ GUARDED_BY(mutex_);
};

}  // namespace bimip::engine
