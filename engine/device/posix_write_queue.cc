#include "engine/device/posix_write_queue.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/base/assert.h"
#include "engine/device/posix_error.h"
#include "engine/device/write_operation.h"

namespace bimip::engine {
namespace {

ssize_t write_some(int descriptor, std::uint64_t position, Bytes bytes, int flags) {
  const iovec part{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  return ::pwritev2(descriptor, &part, 1, static_cast<off_t>(position), flags);
}

bool flag_is_unknown(int number) { return number == EOPNOTSUPP || number == ENOSYS; }

}  // namespace

Status write_fully(PosixFile& file, int descriptor, FilePosition position, Bytes bytes,
                   WriteDurability durability) {
  int flags = durability == WriteDurability::kDurable ? RWF_DSYNC : 0;
  bool sync_after = false;
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put =
        flags != 0 ? write_some(descriptor, position.value() + done, bytes.subspan(done), flags)
                   : ::pwrite(descriptor, bytes.data() + done, bytes.size() - done,
                              static_cast<off_t>(position.value() + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && flags != 0 && flag_is_unknown(errno)) {
      flags = 0;
      sync_after = true;
      continue;
    }
    if (put <= 0) return fail_posix(put < 0 ? errno : EIO, "write", file.path());
    done += static_cast<std::size_t>(put);
    descriptor = file.buffered_descriptor();
  }
  // After the last byte, and once: see PosixFile::sync.
  if (sync_after && ::fdatasync(descriptor) != 0) return fail_posix(errno, "sync", file.path());
  return {};
}

PosixWriteQueue::PosixWriteQueue(DeviceCounters& counters) : counters_(counters) {
  threads_.reserve(kThreads);
  for (std::size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this] { work(); });
}

PosixWriteQueue::~PosixWriteQueue() {
  {
    const MutexLock lock(mutex_);
    closing_ = true;
  }
  work_is_there_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Result<FileSlot> PosixWriteQueue::attach(std::shared_ptr<File> file) {
  auto ours = std::dynamic_pointer_cast<PosixFile>(std::move(file));
  BIMIP_ASSERT(ours != nullptr);
  const auto free = std::find(slots_.begin(), slots_.end(), nullptr);
  const auto slot = static_cast<std::uint32_t>(free - slots_.begin());
  if (free == slots_.end()) slots_.emplace_back();
  slots_[slot] = std::move(ours);
  return FileSlot(slot);
}

void PosixWriteQueue::detach(FileSlot slot) { slots_.at(static_cast<std::uint32_t>(slot)).reset(); }

void PosixWriteQueue::submit(DeviceOperation& operation) {
  expect_well_formed(operation);
  auto file = slots_.at(static_cast<std::uint32_t>(operation.file));
  BIMIP_ASSERT(file != nullptr);
  {
    const MutexLock lock(mutex_);
    waiting_.push_back({&operation, std::move(file)});
  }
  work_is_there_.notify_one();
}

void PosixWriteQueue::poll(std::chrono::microseconds wait,
                           std::vector<DeviceOperation*>& finished) {
  const auto deadline = std::chrono::steady_clock::now() + std::min(wait, kPollWaitMax);
  const MutexLock lock(mutex_);
  while (!woken_ && finished_.empty() && wait.count() > 0) {
    if (owner_may_go_on_.wait_until(mutex_, deadline) == std::cv_status::timeout) break;
  }
  woken_ = false;
  finished.insert(finished.end(), finished_.begin(), finished_.end());
  finished_.clear();
}

void PosixWriteQueue::wake() {
  {
    const MutexLock lock(mutex_);
    woken_ = true;
  }
  owner_may_go_on_.notify_one();
}

std::optional<PosixWriteQueue::Job> PosixWriteQueue::next_job() {
  const MutexLock lock(mutex_);
  while (waiting_.empty() && !closing_) work_is_there_.wait(mutex_);
  if (waiting_.empty()) return std::nullopt;
  Job job = std::move(waiting_.front());
  waiting_.pop_front();
  return job;
}

void PosixWriteQueue::work() {
  while (const auto job = next_job()) {
    run(*job);
    const MutexLock lock(mutex_);
    finished_.push_back(job->operation);
    owner_may_go_on_.notify_one();
  }
}

void PosixWriteQueue::run(const Job& job) {
  DeviceOperation& operation = *job.operation;
  if (operation.kind == DeviceOperation::Kind::kSync) {
    operation.result = job.file->sync();
    return;
  }
  const int descriptor = operation.durability == WriteDurability::kDurable
                             ? job.file->direct_descriptor()
                             : job.file->buffered_descriptor();
  counters_.writes.fetch_add(1, std::memory_order_relaxed);
  operation.result =
      write_fully(*job.file, descriptor, operation.position, operation.bytes, operation.durability);
  if (operation.result) {
    counters_.bytes_written.fetch_add(operation.bytes.size(), std::memory_order_relaxed);
  }
}

}  // namespace bimip::engine
