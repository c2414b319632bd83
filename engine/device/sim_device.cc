#include "engine/device/sim_device.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/base/assert.h"
#include "engine/device/posix_error.h"
#include "engine/device/sim_crash.h"
#include "engine/device/sim_disk.h"
#include "engine/device/sim_handles.h"

namespace bimip::engine {
namespace {

class SimFileLock final : public FileLock {
 public:
  SimFileLock(std::shared_ptr<SimDisk> disk, std::string path)
      : disk_(std::move(disk)), path_(std::move(path)) {}
  ~SimFileLock() override {
    const MutexLock lock(disk_->mutex);
    disk_->locks.erase(path_);
  }

 private:
  const std::shared_ptr<SimDisk> disk_;
  const std::string path_;
};

}  // namespace

SimDevice::SimDevice(std::uint64_t seed) : disk_(std::make_shared<SimDisk>(seed)) {}
SimDevice::~SimDevice() = default;

Result<std::shared_ptr<File>> SimDevice::open(const Path& path, OpenMode mode) {
  const MutexLock lock(disk_->mutex);
  std::shared_ptr<SimNode> node;
  if (mode == OpenMode::kCreate) {
    const auto step = disk_->begin_step();
    if (!step) return std::unexpected(step.error());
    if (auto sound = disk_->check_faults(SimOperation::kCreate, path); !sound) {
      return std::unexpected(std::move(sound.error()));
    }
    auto created = disk_->names.create(*step, path, SimNode::Kind::kFile);
    if (!created) return std::unexpected(std::move(created.error()));
    node = std::move(*created);
  } else {
    if (auto sound = disk_->check_faults(SimOperation::kOpen, path); !sound) {
      return std::unexpected(std::move(sound.error()));
    }
    node = disk_->names.find(path);
    if (node == nullptr) return fail_posix(ENOENT, "open", path);
    if (node->kind != SimNode::Kind::kFile) return fail_posix(EISDIR, "open", path);
  }
  if (auto on = disk_->end_step(); !on) return std::unexpected(std::move(on.error()));
  return std::make_shared<SimFile>(disk_, std::move(node), path, mode, counters());
}

Result<bool> SimDevice::exists(const Path& path) {
  const MutexLock lock(disk_->mutex);
  if (auto on = disk_->powered(); !on) return std::unexpected(std::move(on.error()));
  return disk_->names.find(path) != nullptr;
}

Result<std::vector<std::string>> SimDevice::list(const Path& folder) {
  const MutexLock lock(disk_->mutex);
  if (auto on = disk_->powered(); !on) return std::unexpected(std::move(on.error()));
  if (auto sound = disk_->check_faults(SimOperation::kList, folder); !sound) {
    return std::unexpected(std::move(sound.error()));
  }
  const auto node = disk_->names.find(folder);
  if (node == nullptr) return fail_posix(ENOENT, "list", folder);
  if (node->kind != SimNode::Kind::kFolder) return fail_posix(ENOTDIR, "list", folder);
  std::vector<std::string> names;
  for (const auto& [name, entry] : node->seen) names.push_back(name);
  return names;
}

Status SimDevice::create_directory(const Path& folder) {
  const MutexLock lock(disk_->mutex);
  const auto step = disk_->begin_step();
  if (!step) return std::unexpected(step.error());
  if (auto sound = disk_->check_faults(SimOperation::kCreateDirectory, folder); !sound) {
    return sound;
  }
  const auto there = disk_->names.find(folder);
  if (there == nullptr || there->kind != SimNode::Kind::kFolder) {
    auto created = disk_->names.create(*step, folder, SimNode::Kind::kFolder);
    if (!created) return std::unexpected(std::move(created.error()));
  }
  return disk_->end_step();
}

Status SimDevice::remove(const Path& path) {
  const MutexLock lock(disk_->mutex);
  const auto step = disk_->begin_step();
  if (!step) return std::unexpected(step.error());
  if (auto sound = disk_->check_faults(SimOperation::kRemove, path); !sound) return sound;
  if (auto done = disk_->names.remove(*step, path); !done) return done;
  return disk_->end_step();
}

Status SimDevice::rename(const Path& from, const Path& to) {
  const MutexLock lock(disk_->mutex);
  const auto step = disk_->begin_step();
  if (!step) return std::unexpected(step.error());
  if (auto sound = disk_->check_faults(SimOperation::kRename, from); !sound) return sound;
  if (auto done = disk_->names.rename(*step, from, to); !done) return done;
  return disk_->end_step();
}

Status SimDevice::sync_directory(const Path& folder) {
  const MutexLock lock(disk_->mutex);
  const auto step = disk_->begin_step();
  if (!step) return std::unexpected(step.error());
  counters().syncs.fetch_add(1, std::memory_order_relaxed);
  if (auto sound = disk_->check_faults(SimOperation::kSyncDirectory, folder); !sound) return sound;
  // Without power in the end it may have done nothing or all; both are among the images of what is
  // volatile.
  if (auto on = disk_->end_step(); !on) return on;
  return disk_->names.sync(folder);
}

Result<std::uint64_t> SimDevice::free_bytes(const Path& folder) {
  const MutexLock lock(disk_->mutex);
  if (auto on = disk_->powered(); !on) return std::unexpected(std::move(on.error()));
  if (disk_->names.find(folder) == nullptr) {
    return fail_posix(ENOENT, "ask for the free space", folder);
  }
  return disk_->free_bytes();
}

Result<std::unique_ptr<FileLock>> SimDevice::lock(const Path& path) {
  const auto there = exists(path);
  if (!there) return std::unexpected(there.error());
  if (!*there) {
    if (auto created = open(path, OpenMode::kCreate); !created) {
      return std::unexpected(std::move(created.error()));
    }
  }
  const MutexLock lock(disk_->mutex);
  const std::string key = path.lexically_normal().string();
  if (!disk_->locks.insert(key).second) {
    return fail(ErrorCode::kLocked,
                path.string() + ": held by process " + std::to_string(::getpid()));
  }
  return std::make_unique<SimFileLock>(disk_, key);
}

Result<std::unique_ptr<WriteQueue>> SimDevice::open_write_queue(BufferPool&) {
  const MutexLock lock(disk_->mutex);
  if (auto on = disk_->powered(); !on) return std::unexpected(std::move(on.error()));
  return std::make_unique<SimWriteQueue>(disk_, counters());
}

std::uint64_t SimDevice::steps() const {
  const MutexLock lock(disk_->mutex);
  return disk_->steps();
}

void SimDevice::crash_at(std::uint64_t step) {
  const MutexLock lock(disk_->mutex);
  disk_->crash_at(step);
}

void SimDevice::crash() {
  const MutexLock lock(disk_->mutex);
  disk_->crash();
}

bool SimDevice::crashed() const {
  const MutexLock lock(disk_->mutex);
  return !disk_->powered();
}

std::unique_ptr<SimDevice> SimDevice::image(LossMode mode, std::uint64_t seed) const {
  const MutexLock lock(disk_->mutex);
  std::vector<std::uint64_t> steps;
  disk_->names.collect_steps(steps);
  SimCrash crash(mode, seed, std::move(steps));
  auto after = std::make_unique<SimDevice>(seed);
  const MutexLock lock_after(after->disk_->mutex);
  after->disk_->names = disk_->names.image(crash);
  after->disk_->set_capacity(disk_->capacity());
  return after;
}

void SimDevice::fail_next(SimFault fault) {
  BIMIP_ASSERT(fault.times > 0);
  const MutexLock lock(disk_->mutex);
  disk_->add_fault(std::move(fault));
}

void SimDevice::clear_faults() {
  const MutexLock lock(disk_->mutex);
  disk_->clear_faults();
}

void SimDevice::set_capacity(std::uint64_t bytes) {
  const MutexLock lock(disk_->mutex);
  disk_->set_capacity(bytes);
}

std::vector<std::string> SimDevice::files() const {
  const MutexLock lock(disk_->mutex);
  std::vector<std::string> paths;
  disk_->names.for_each_file(
      [&](const std::string& path, const SimNode&) { paths.push_back(path); });
  return paths;
}

Result<std::vector<std::byte>> SimDevice::contents(const Path& path) const {
  const MutexLock lock(disk_->mutex);
  const auto node = disk_->names.find(path);
  if (node == nullptr) return fail_posix(ENOENT, "open", path);
  return node->file.seen().to_vector();
}

Status SimDevice::set_contents(const Path& path, Bytes bytes) {
  const MutexLock lock(disk_->mutex);
  auto node = disk_->names.plant(path);
  if (!node) return std::unexpected(std::move(node.error()));
  (*node)->file.replace(bytes);
  return {};
}

Status SimDevice::overwrite(const Path& path, FilePosition position, Bytes bytes) {
  const MutexLock lock(disk_->mutex);
  const auto node = disk_->names.find(path);
  if (node == nullptr) return fail_posix(ENOENT, "open", path);
  node->file.damage(position.value(), bytes);
  return {};
}

Status SimDevice::flip_bit(const Path& path, FilePosition position, unsigned bit) {
  BIMIP_ASSERT(bit < 8);
  const MutexLock lock(disk_->mutex);
  const auto node = disk_->names.find(path);
  if (node == nullptr) return fail_posix(ENOENT, "open", path);
  std::byte byte;
  BIMIP_ASSERT(node->file.seen().read(position.value(), MutableBytes(&byte, 1)) == 1);
  byte ^= std::byte{1} << bit;
  node->file.damage(position.value(), Bytes(&byte, 1));
  return {};
}

}  // namespace bimip::engine
