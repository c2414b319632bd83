// The portable write queue: a few threads, each with one blocking write at a time.
#pragma once

#include <condition_variable>
#include <deque>
#include <optional>
#include <thread>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/device/device.h"
#include "engine/device/posix_file.h"

namespace bimip::engine {

// Writes all of `bytes` to `descriptor` and, when durable, makes them survive power loss: with
// RWF_DSYNC, or fdatasync after the last byte where the kernel does not know that flag. Blocks. A
// direct write that comes back short goes on through `buffered`, which takes any alignment.
Status write_fully(PosixFile& file, int descriptor, FilePosition position, Bytes bytes,
                   WriteDurability durability);

// As WriteQueue: owner-thread only, but for wake(). The counters outlive it.
class PosixWriteQueue final : public WriteQueue {
 public:
  explicit PosixWriteQueue(DeviceCounters& counters);
  ~PosixWriteQueue() override;

  [[nodiscard]] Result<FileSlot> attach(std::shared_ptr<File> file) override;
  void detach(FileSlot slot) override;
  void submit(DeviceOperation& operation) override;
  void poll(std::chrono::microseconds wait, std::vector<DeviceOperation*>& finished) override;
  void wake() override;

 private:
  struct Job {
    DeviceOperation* operation;
    std::shared_ptr<PosixFile> file;
  };
  // Waits for work; none when the queue is closing and nothing is left to do.
  [[nodiscard]] std::optional<Job> next_job();
  void work();
  void run(const Job& job);

  // The partitions of a store share a queue, and a virtual disk overlaps this many writes at twice
  // the rate of four (docs/design/device.md).
  static constexpr std::size_t kThreads = 8;

  DeviceCounters& counters_;
  std::vector<std::shared_ptr<PosixFile>> slots_;  // null: free

  Mutex mutex_;
  std::condition_variable_any work_is_there_;
  std::condition_variable_any owner_may_go_on_;
  std::deque<Job> waiting_ GUARDED_BY(mutex_);
  std::vector<DeviceOperation*> finished_ GUARDED_BY(mutex_);
  bool woken_ GUARDED_BY(mutex_) = false;
  bool closing_ GUARDED_BY(mutex_) = false;

  std::vector<std::thread> threads_;
};

}  // namespace bimip::engine
