// What the simulated device hands out: files and write queues.
#pragma once

#include <condition_variable>
#include <memory>
#include <utility>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/device/device.h"
#include "engine/device/sim_disk.h"

namespace bimip::engine {

// As File. Stays usable when its name is removed or changed; faults find it under the name it was
// opened by.
class SimFile final : public File {
 public:
  SimFile(std::shared_ptr<SimDisk> disk, std::shared_ptr<SimNode> node, Path path, OpenMode mode,
          DeviceCounters& counters)
      : disk_(std::move(disk)),
        node_(std::move(node)),
        path_(std::move(path)),
        mode_(mode),
        counters_(counters) {
    counters_.open_files.fetch_add(1, std::memory_order_relaxed);
  }
  ~SimFile() override { counters_.open_files.fetch_sub(1, std::memory_order_relaxed); }

  [[nodiscard]] Result<std::size_t> read_at(FilePosition position,
                                            MutableBytes into) const override;
  [[nodiscard]] Status write_at(FilePosition position, Bytes bytes) override;
  [[nodiscard]] Status write_aligned_at(FilePosition position, Bytes bytes) override;
  [[nodiscard]] Status sync() override;
  [[nodiscard]] Status allocate(FilePosition from, std::uint64_t bytes) override;
  [[nodiscard]] Status truncate(std::uint64_t size) override;
  [[nodiscard]] Result<std::uint64_t> size() const override;
  [[nodiscard]] Result<std::unique_ptr<Mapping>> map() const override;

  [[nodiscard]] const std::shared_ptr<SimNode>& node() const { return node_; }
  [[nodiscard]] const Path& path() const { return path_; }
  // Fails when the file was opened for reading only.
  [[nodiscard]] Status check_writable() const;

 private:
  const std::shared_ptr<SimDisk> disk_;
  const std::shared_ptr<SimNode> node_;
  const Path path_;
  const OpenMode mode_;
  DeviceCounters& counters_;
};

// As WriteQueue. A poll that may wait completes at least one operation, a poll that may not
// completes some or none; which, the device's seed decides. Only with nothing in flight does poll()
// wait in real time.
class SimWriteQueue final : public WriteQueue {
 public:
  SimWriteQueue(std::shared_ptr<SimDisk> disk, DeviceCounters& counters)
      : disk_(std::move(disk)), counters_(counters) {}
  ~SimWriteQueue() override;

  [[nodiscard]] Result<FileSlot> attach(std::shared_ptr<File> file) override;
  void detach(FileSlot slot) override;
  void submit(DeviceOperation& operation) override;
  void poll(std::chrono::microseconds wait, std::vector<DeviceOperation*>& finished) override;
  void wake() override;

 private:
  struct Flight {
    DeviceOperation* operation;
    std::shared_ptr<SimFile> file;
    std::uint64_t step;  // of its submission; 0: it never reached the disk
    Status fault;
  };
  void complete(Flight flight) REQUIRES(disk_->mutex);
  [[nodiscard]] Status finish_write(const Flight& flight, std::uint64_t now) REQUIRES(disk_->mutex);
  [[nodiscard]] Status finish_sync(const Flight& flight) REQUIRES(disk_->mutex);
  [[nodiscard]] bool wait_for_wake(std::chrono::microseconds wait);
  void complete_some(std::size_t at_least, std::vector<DeviceOperation*>& finished);

  const std::shared_ptr<SimDisk> disk_;
  DeviceCounters& counters_;
  std::vector<std::shared_ptr<SimFile>> slots_;  // null: free
  std::vector<Flight> flights_;

  Mutex wake_mutex_;
  std::condition_variable_any wake_condition_;
  bool woken_ GUARDED_BY(wake_mutex_) = false;
};

}  // namespace bimip::engine
