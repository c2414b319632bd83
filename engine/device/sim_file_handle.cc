#include <algorithm>
#include <cerrno>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "engine/device/posix_error.h"
#include "engine/device/sim_handles.h"

namespace bimip::engine {
namespace {

// What the file held when it was mapped: a mapped file is one nobody writes any more.
class SimMapping final : public Mapping {
 public:
  explicit SimMapping(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] Bytes bytes() const override { return bytes_; }

 private:
  const std::vector<std::byte> bytes_;
};

}  // namespace

Result<std::size_t> SimFile::read_at(FilePosition position, MutableBytes into) const {
  const MutexLock lock(disk_->mutex);
  if (auto on = disk_->powered(); !on) return std::unexpected(std::move(on.error()));
  counters_.reads.fetch_add(1, std::memory_order_relaxed);
  if (auto sound = disk_->check_faults(SimOperation::kRead, path_); !sound) {
    return std::unexpected(std::move(sound.error()));
  }
  const std::size_t count = node_->file.seen().read(position.value(), into);
  counters_.bytes_read.fetch_add(count, std::memory_order_relaxed);
  return count;
}

Status SimFile::check_writable() const {
  if (mode_ != OpenMode::kRead) return {};
  return fail_posix(EBADF, "write", path_);
}

Status SimFile::write_at(FilePosition position, Bytes bytes) {
  if (auto open = check_writable(); !open) return open;
  const MutexLock lock(disk_->mutex);
  const auto step = disk_->begin_step();
  if (!step) return std::unexpected(step.error());
  counters_.writes.fetch_add(1, std::memory_order_relaxed);
  Status done = disk_->check_faults(SimOperation::kWrite, path_);
  if (done) done = disk_->check_space(path_, *node_, position.value() + bytes.size());
  if (!done) {
    const std::uint64_t room = disk_->free_bytes();
    const std::uint64_t most = std::min<std::uint64_t>(bytes.size(), room);
    const auto part = static_cast<std::size_t>(disk_->random.below(most + 1));
    node_->file.write(*step, position.value(), bytes.first(part));
    return done;
  }
  node_->file.write(*step, position.value(), bytes);
  counters_.bytes_written.fetch_add(bytes.size(), std::memory_order_relaxed);
  return disk_->end_step();
}

// Nothing here tells a page cache from the disk behind it: both lose what was not synced.
Status SimFile::write_aligned_at(FilePosition position, Bytes bytes) {
  BIMIP_ASSERT(position.value() % limits::kSectorBytes == 0 &&
               bytes.size() % limits::kSectorBytes == 0);
  return write_at(position, bytes);
}

Status SimFile::sync() {
  const MutexLock lock(disk_->mutex);
  const auto step = disk_->begin_step();
  if (!step) return std::unexpected(step.error());
  counters_.syncs.fetch_add(1, std::memory_order_relaxed);
  if (auto sound = disk_->check_faults(SimOperation::kSync, path_); !sound) {
    node_->file.fail_sync(*step, disk_->random);
    return sound;
  }
  // Without power in the end it may have done nothing or all; both are among the images of what is
  // volatile.
  if (auto on = disk_->end_step(); !on) return on;
  node_->file.sync(*step);
  return {};
}

Status SimFile::allocate(FilePosition from, std::uint64_t bytes) {
  if (auto open = check_writable(); !open) return open;
  const MutexLock lock(disk_->mutex);
  const auto step = disk_->begin_step();
  if (!step) return std::unexpected(step.error());
  const std::uint64_t size = node_->file.seen().size();
  const std::uint64_t wanted = from.value() + bytes;
  Status done = disk_->check_faults(SimOperation::kAllocate, path_);
  if (done) done = disk_->check_space(path_, *node_, wanted);
  if (!done) {
    const std::uint64_t more = std::min(wanted > size ? wanted - size : 0, disk_->free_bytes());
    node_->file.grow(*step, size + disk_->random.below(more + 1));
    return done;
  }
  node_->file.grow(*step, wanted);
  return disk_->end_step();
}

Status SimFile::truncate(std::uint64_t size) {
  if (auto open = check_writable(); !open) return open;
  const MutexLock lock(disk_->mutex);
  const auto step = disk_->begin_step();
  if (!step) return std::unexpected(step.error());
  if (auto sound = disk_->check_faults(SimOperation::kTruncate, path_); !sound) return sound;
  if (auto room = disk_->check_space(path_, *node_, size); !room) return room;
  node_->file.cut(*step, size);
  return disk_->end_step();
}

Result<std::uint64_t> SimFile::size() const {
  const MutexLock lock(disk_->mutex);
  if (auto on = disk_->powered(); !on) return std::unexpected(std::move(on.error()));
  return node_->file.seen().size();
}

Result<std::unique_ptr<Mapping>> SimFile::map() const {
  const MutexLock lock(disk_->mutex);
  if (auto on = disk_->powered(); !on) return std::unexpected(std::move(on.error()));
  if (auto sound = disk_->check_faults(SimOperation::kMap, path_); !sound) {
    return std::unexpected(std::move(sound.error()));
  }
  return std::make_unique<SimMapping>(node_->file.seen().to_vector());
}

}  // namespace bimip::engine
