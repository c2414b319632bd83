// The io_uring write queue: one ring, owned by one thread.
#pragma once

#include <liburing.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "engine/device/device.h"
#include "engine/device/posix_file.h"

namespace bimip::engine {

class BufferPool;

// How a ring is set up. The defaults are what the measurements in docs/design/device.md chose.
struct UringOptions {
  enum class Buffers : std::uint8_t { kRegistered, kPlain };
  enum class Files : std::uint8_t { kRegistered, kPlain };
  enum class Completions : std::uint8_t { kDeferred, kCooperative, kInterrupting };
  Buffers buffers = Buffers::kRegistered;
  Files files = Files::kRegistered;
  Completions completions = Completions::kDeferred;
};

// As WriteQueue: owner-thread only, but for wake(); the first poll() makes its thread the owner.
// Destroyed by its owner, or by any thread when nothing is in flight. The pool and the counters
// outlive it.
class UringWriteQueue final : public WriteQueue {
 public:
  static Result<std::unique_ptr<UringWriteQueue>> open(const UringOptions& options,
                                                       BufferPool& buffers,
                                                       DeviceCounters& counters);
  ~UringWriteQueue() override;

  [[nodiscard]] Result<FileSlot> attach(std::shared_ptr<File> file) override;
  void detach(FileSlot slot) override;
  void submit(DeviceOperation& operation) override;
  void poll(std::chrono::microseconds wait, std::vector<DeviceOperation*>& finished) override;
  void wake() override;

 private:
  // A file and where the kernel finds it: with registered files at kDescriptorsPerSlot * slot in
  // the ring's table.
  struct Slot {
    std::shared_ptr<PosixFile> file;  // null: free
    int direct = -1;
    int buffered = -1;
    bool registered = false;
  };
  struct Flight {
    DeviceOperation* operation = nullptr;
    std::size_t written = 0;  // of a write: how many of its bytes are done
  };

  UringWriteQueue(BufferPool& buffers, DeviceCounters& counters)
      : buffers_(buffers), counters_(counters) {}
  [[nodiscard]] Status set_up(const UringOptions& options);
  void register_file(std::uint32_t slot);

  void become_owner();
  void start_waiting();
  void prepare(std::uint32_t flight);
  void prepare_write(io_uring_sqe* entry, const Slot& slot, const Flight& flight);
  void prepare_wake_watch();
  void enter(std::chrono::nanoseconds wait);
  void reap(std::vector<DeviceOperation*>& finished);
  void complete(std::uint32_t flight, int result, std::vector<DeviceOperation*>& finished);
  [[nodiscard]] io_uring_sqe* next_entry();

  static constexpr unsigned kEntries = 256;
  static constexpr std::uint32_t kRegisteredSlotsMax = 1024;
  static constexpr std::uint32_t kDescriptorsPerSlot = 2;
  static constexpr std::uint64_t kWakeTag = ~std::uint64_t{0};

  BufferPool& buffers_;
  DeviceCounters& counters_;
  io_uring ring_{};
  bool ring_is_open_ = false;
  bool enabled_ = false;
  bool buffers_registered_ = false;
  std::uint32_t registered_slots_ = 0;
  Descriptor wake_event_;
  bool wake_watched_ = false;

  std::vector<Slot> slots_;
  std::vector<Flight> flights_;
  std::vector<std::uint32_t> free_flights_;
  std::deque<std::uint32_t> waiting_;  // flights not yet given to the ring
  std::size_t in_ring_ = 0;

  std::atomic<bool> woken_{false};
  std::atomic<bool> asleep_{false};  // the owner is, or is about to be, waiting in the kernel
};

}  // namespace bimip::engine
