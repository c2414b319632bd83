// One writer thread's life: takes requests, lets its partitions pack and publish, waits for the
// device.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/partition/due_partitions.h"
#include "engine/partition/open_partitions.h"
#include "engine/partition/partition.h"
#include "engine/partition/reopener.h"
#include "engine/partition/spare_segments.h"

namespace bimip::engine {

// Partitions belong to one loop for life; only its thread touches their writers. push() and post()
// are thread-safe.
class WriterLoop {
 public:
  struct Parts {
    Device& device;
    JobRunner& jobs;
    const Clock& clock;
    BufferPool& pool;
    TailCache& tail;
    SpareSegments& spares;
    JobRunner& background;
    RewriteBudget& budget;
    UpkeepCounters& counters;
    TroubleCounters& troubles;
    CommitCounters& commits;
    std::function<void()> on_tick;  // a few times a second, on the loop's thread; must not block
    std::size_t open_partitions_max;
    Housekeeping housekeeping = Housekeeping::kByItself;
  };
  WriterLoop(Parts parts, std::unique_ptr<WriteQueue> queue);
  ~WriterLoop();

  void push(AppendRequest& request);
  void post(Job job);
  // Adopts a recovered partition. From then on it may be appended to.
  void open(Partition& partition, RecoveredPartition recovered);
  // Thread-safe. The partition may be one that was never opened.
  void reopen(Partition& partition, ReopenRequest& request);

  // Thread-safe.
  void set_floor(Partition& partition, Offset floor);
  void erase(Partition& partition, EraseRequest& request);

  // Runs on a thread of its own until stop(). Without start(), the owner calls run_once() itself.
  void start();
  // Refuses new requests, finishes those accepted, makes all durable. Returns when that is done.
  void stop();

  // One round; waits for work at most so long. False when stop was asked for and all is done.
  bool run_once(std::chrono::microseconds wait);
  // Asks for what stop() does, without waiting.
  void begin_stop();

 private:
  friend void wake_after_answers(Wakeup& wakeup);
  void run_round(std::chrono::microseconds wait);
  void wake_others();
  void adopt(Partition& partition, RecoveredPartition recovered);
  void take_requests();
  void run_posted();
  [[nodiscard]] bool has_posted();
  void touch(Partition& partition);
  void release_due();
  void tick_if_due();
  void tick_partitions(std::chrono::nanoseconds now);
  void tick(Partition& partition, std::chrono::nanoseconds now);
  [[nodiscard]] bool all_idle() const;
  [[nodiscard]] std::chrono::microseconds until_tick() const;

  Parts parts_;
  std::unique_ptr<WriteQueue> queue_;
  RequestQueue requests_;
  Mutex mutex_;
  std::vector<Job> posted_ GUARDED_BY(mutex_);
  std::atomic<bool> stopping_{false};
  bool closed_ = false;  // partitions were told
  std::vector<Partition*> partitions_;
  OpenPartitions places_;
  DuePartitions due_;
  Reopener reopener_;
  std::size_t next_idle_ = 0;        // of partitions_, to be ticked next
  std::vector<Partition*> touched_;  // had something to do this round
  std::vector<DeviceOperation*> finished_;
  std::vector<Wakeup*> wakeups_;  // owed by this round, each once
  std::chrono::nanoseconds next_tick_{};
  std::thread thread_;
};

}  // namespace bimip::engine
