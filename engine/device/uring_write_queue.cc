#include "engine/device/uring_write_queue.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "engine/device/buffer_pool.h"
#include "engine/device/posix_error.h"
#include "engine/device/write_operation.h"

namespace bimip::engine {
namespace {

using Clock = std::chrono::steady_clock;

const Path kRingPath = "io_uring";

unsigned flags_of(UringOptions::Completions completions) {
  switch (completions) {
    case UringOptions::Completions::kDeferred:
      return IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
    case UringOptions::Completions::kCooperative:
      return IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
    case UringOptions::Completions::kInterrupting:
      return 0;
  }
  BIMIP_ASSERT(false);
  return 0;
}

// From the chosen way down to what the first kernels had. Negative errno when the kernel refuses
// them all.
int set_up_ring(unsigned entries, UringOptions::Completions completions, io_uring& ring) {
  int refused = -ENOSYS;
  for (auto way = static_cast<std::uint8_t>(completions);
       way <= static_cast<std::uint8_t>(UringOptions::Completions::kInterrupting); ++way) {
    const unsigned flags = flags_of(static_cast<UringOptions::Completions>(way));
    // Disabled until the owner's first poll(): the kernel holds the thread that enables the ring to
    // be its only user, and that need not be the thread that opens the queue.
    refused = io_uring_queue_init(entries, &ring, flags | IORING_SETUP_R_DISABLED);
    if (refused != -EINVAL) break;
  }
  return refused;
}

}  // namespace

Result<std::unique_ptr<UringWriteQueue>> UringWriteQueue::open(const UringOptions& options,
                                                               BufferPool& buffers,
                                                               DeviceCounters& counters) {
  std::unique_ptr<UringWriteQueue> queue(new UringWriteQueue(buffers, counters));
  if (auto done = queue->set_up(options); !done) return std::unexpected(std::move(done.error()));
  return queue;
}

Status UringWriteQueue::set_up(const UringOptions& options) {
  if (const int error = set_up_ring(kEntries, options.completions, ring_); error < 0) {
    return fail_posix(-error, "set up a ring", kRingPath);
  }
  ring_is_open_ = true;
  constexpr unsigned needed = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP;
  if ((ring_.features & needed) != needed) {
    return fail_posix(ENOSYS, "wait with a timeout (kernel before 5.11)", kRingPath);
  }
  wake_event_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_event_.is_open()) return fail_posix(errno, "create an event", kRingPath);

  // Both registrations only save work; where a limit refuses one, the plain way is as correct.
  const MutableBytes arena = buffers_.arena();
  if (options.buffers == UringOptions::Buffers::kRegistered && !arena.empty()) {
    const iovec all{.iov_base = arena.data(), .iov_len = arena.size()};
    buffers_registered_ = io_uring_register_buffers(&ring_, &all, 1) == 0;
  }
  if (options.files == UringOptions::Files::kRegistered) {
    rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    const auto slots = static_cast<std::uint32_t>(
        std::min<rlim_t>(kRegisteredSlotsMax, descriptors.rlim_cur / kDescriptorsPerSlot));
    if (io_uring_register_files_sparse(&ring_, slots * kDescriptorsPerSlot) == 0) {
      registered_slots_ = slots;
    }
  }
  return {};
}

UringWriteQueue::~UringWriteQueue() {
  if (!ring_is_open_) return;
  std::vector<DeviceOperation*> finished;
  while (in_ring_ > 0 || !waiting_.empty()) poll(std::chrono::seconds(1), finished);
  io_uring_queue_exit(&ring_);
}

Result<FileSlot> UringWriteQueue::attach(std::shared_ptr<File> file) {
  auto ours = std::dynamic_pointer_cast<PosixFile>(std::move(file));
  BIMIP_ASSERT(ours != nullptr);
  const auto free = std::find_if(slots_.begin(), slots_.end(),
                                 [](const Slot& slot) { return slot.file == nullptr; });
  const auto index = static_cast<std::uint32_t>(free - slots_.begin());
  if (free == slots_.end()) slots_.emplace_back();
  slots_[index] = Slot{
      .file = ours, .direct = ours->direct_descriptor(), .buffered = ours->buffered_descriptor()};
  register_file(index);
  return FileSlot(index);
}

void UringWriteQueue::register_file(std::uint32_t index) {
  if (index >= registered_slots_) return;
  Slot& slot = slots_[index];
  const std::array<int, kDescriptorsPerSlot> descriptors{slot.direct, slot.buffered};
  slot.registered =
      io_uring_register_files_update(&ring_, index * kDescriptorsPerSlot, descriptors.data(),
                                     kDescriptorsPerSlot) == static_cast<int>(kDescriptorsPerSlot);
}

void UringWriteQueue::detach(FileSlot slot_number) {
  const auto index = static_cast<std::uint32_t>(slot_number);
  Slot& slot = slots_.at(index);
  BIMIP_ASSERT(slot.file != nullptr);
  if (slot.registered) {
    // Without this the ring would keep the file open. The kernel refuses it only to a thread that
    // is not the owner, as when everything is torn down after the owner has ended; then the ring's
    // end closes the file.
    const std::array<int, kDescriptorsPerSlot> none{-1, -1};
    (void)io_uring_register_files_update(&ring_, index * kDescriptorsPerSlot, none.data(),
                                         kDescriptorsPerSlot);
  }
  slot = Slot{};
}

void UringWriteQueue::submit(DeviceOperation& operation) {
  expect_well_formed(operation);
  if (operation.kind == DeviceOperation::Kind::kWrite) {
    counters_.writes.fetch_add(1, std::memory_order_relaxed);
  } else {
    counters_.syncs.fetch_add(1, std::memory_order_relaxed);
  }
  BIMIP_ASSERT(slots_.at(static_cast<std::uint32_t>(operation.file)).file != nullptr);
  if (free_flights_.empty()) {
    free_flights_.push_back(static_cast<std::uint32_t>(flights_.size()));
    flights_.emplace_back();
  }
  const std::uint32_t flight = free_flights_.back();
  free_flights_.pop_back();
  flights_[flight] = Flight{.operation = &operation};
  waiting_.push_back(flight);
}

void UringWriteQueue::poll(std::chrono::microseconds wait,
                           std::vector<DeviceOperation*>& finished) {
  become_owner();
  const std::size_t before = finished.size();
  const auto deadline = Clock::now() + std::min(wait, kPollWaitMax);
  for (;;) {
    start_waiting();
    reap(finished);
    const auto left = deadline - Clock::now();
    const bool done = finished.size() > before || left <= left.zero();
    // Announced before looking at woken_: a wake() after the look sees it and signals the ring.
    if (!done) asleep_.store(true);
    if (woken_.exchange(false) || done) {
      asleep_.store(false);
      enter(std::chrono::nanoseconds::zero());
      reap(finished);
      return;
    }
    enter(left);
    asleep_.store(false);
    reap(finished);
  }
}

void UringWriteQueue::wake() {
  woken_.store(true);
  if (!asleep_.load()) return;
  // The counter is never read: only that it was added to ends the owner's wait.
  (void)::eventfd_write(wake_event_.get(), 1);
}

void UringWriteQueue::become_owner() {
  if (enabled_) return;
  // liburing 2.3 declares io_uring_enable_rings() and does not export it.
  const int answer = io_uring_register(static_cast<unsigned>(ring_.ring_fd),
                                       IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  BIMIP_ASSERT(answer == 0);
  enabled_ = true;
}

io_uring_sqe* UringWriteQueue::next_entry() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) {
    io_uring_submit(&ring_);
    entry = io_uring_get_sqe(&ring_);
  }
  BIMIP_ASSERT(entry != nullptr);
  return entry;
}

// Never more in the ring than it has entries, so that completions always find room.
void UringWriteQueue::start_waiting() {
  if (!wake_watched_) prepare_wake_watch();
  while (!waiting_.empty() && in_ring_ < kEntries) {
    prepare(waiting_.front());
    waiting_.pop_front();
    ++in_ring_;
  }
}

void UringWriteQueue::prepare_wake_watch() {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_poll_multishot(entry, wake_event_.get(), POLLIN);
  io_uring_sqe_set_data64(entry, kWakeTag);
  wake_watched_ = true;
}

void UringWriteQueue::prepare(std::uint32_t number) {
  const Flight& flight = flights_[number];
  const auto index = static_cast<std::uint32_t>(flight.operation->file);
  const Slot& slot = slots_[index];
  io_uring_sqe* entry = next_entry();
  if (flight.operation->kind == DeviceOperation::Kind::kWrite) {
    prepare_write(entry, slot, flight);
  } else {
    io_uring_prep_fsync(entry, slot.buffered, IORING_FSYNC_DATASYNC);
  }
  if (slot.registered) {
    const bool direct = entry->fd == slot.direct && slot.direct != slot.buffered;
    entry->fd = static_cast<int>(index * kDescriptorsPerSlot + (direct ? 0 : 1));
    entry->flags |= IOSQE_FIXED_FILE;
  }
  io_uring_sqe_set_data64(entry, number);
}

void UringWriteQueue::prepare_write(io_uring_sqe* entry, const Slot& slot, const Flight& flight) {
  const DeviceOperation& operation = *flight.operation;
  const bool durable = operation.durability == WriteDurability::kDurable;
  // What is left of a short direct write need not be aligned; the page cache takes any alignment.
  const int descriptor = durable && flight.written == 0 ? slot.direct : slot.buffered;
  const Bytes bytes = operation.bytes.subspan(flight.written);
  const std::uint64_t position = operation.position.value() + flight.written;
  const MutableBytes arena = buffers_.arena();
  const bool registered = buffers_registered_ && bytes.data() >= arena.data() &&
                          bytes.data() + bytes.size() <= arena.data() + arena.size();
  if (registered) {
    io_uring_prep_write_fixed(entry, descriptor, bytes.data(), static_cast<unsigned>(bytes.size()),
                              position, 0);
  } else {
    io_uring_prep_write(entry, descriptor, bytes.data(), static_cast<unsigned>(bytes.size()),
                        position);
  }
  if (durable) entry->rw_flags = RWF_DSYNC;
}

// Gives the kernel what was prepared and, for a positive `wait`, waits for a completion.
void UringWriteQueue::enter(std::chrono::nanoseconds wait) {
  int answer = 0;
  if (wait > std::chrono::nanoseconds::zero()) {
    __kernel_timespec timeout{.tv_sec = wait.count() / 1'000'000'000,
                              .tv_nsec = wait.count() % 1'000'000'000};
    io_uring_cqe* ignored = nullptr;
    answer = io_uring_submit_and_wait_timeout(&ring_, &ignored, 1, &timeout, nullptr);
  } else if (io_uring_sq_ready(&ring_) > 0) {
    answer = io_uring_submit_and_get_events(&ring_);
  }
  // The kernel takes what it could not take now at the next call; anything else is a bug of this
  // file.
  BIMIP_ASSERT(answer >= 0 || answer == -ETIME || answer == -EINTR || answer == -EAGAIN ||
               answer == -EBUSY);
}

void UringWriteQueue::reap(std::vector<DeviceOperation*>& finished) {
  std::array<io_uring_cqe*, 64> batch;
  while (const unsigned count = io_uring_peek_batch_cqe(&ring_, batch.data(), batch.size())) {
    for (unsigned i = 0; i < count; ++i) {
      const io_uring_cqe entry = *batch[i];
      if (entry.user_data != kWakeTag) {
        complete(static_cast<std::uint32_t>(entry.user_data), entry.res, finished);
      } else if ((entry.flags & IORING_CQE_F_MORE) == 0) {
        wake_watched_ = false;
      }
    }
    io_uring_cq_advance(&ring_, count);
  }
}

void UringWriteQueue::complete(std::uint32_t number, int result,
                               std::vector<DeviceOperation*>& finished) {
  Flight& flight = flights_[number];
  DeviceOperation& operation = *flight.operation;
  const Path& path = slots_[static_cast<std::uint32_t>(operation.file)].file->path();
  --in_ring_;
  if (operation.kind == DeviceOperation::Kind::kSync) {
    // Never again after a failure: see PosixFile::sync.
    operation.result = result < 0 ? Status(fail_posix(-result, "sync", path)) : Status();
  } else {
    const bool nothing_happened = result == -EINTR || result == -EAGAIN;
    if (result > 0) flight.written += static_cast<std::size_t>(result);
    if (nothing_happened || (result > 0 && flight.written < operation.bytes.size())) {
      waiting_.push_front(number);
      return;
    }
    const int error = result < 0 ? -result : EIO;  // a write of no bytes would go on for ever
    operation.result = result > 0 ? Status() : Status(fail_posix(error, "write", path));
    if (result > 0) {
      counters_.bytes_written.fetch_add(operation.bytes.size(), std::memory_order_relaxed);
    }
  }
  flight = Flight{};
  free_flights_.push_back(number);
  finished.push_back(&operation);
}

}  // namespace bimip::engine
