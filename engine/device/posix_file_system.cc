#include "engine/device/posix_file_system.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "engine/device/posix_error.h"
#include "engine/device/posix_file.h"

namespace bimip::engine {
namespace {

constexpr mode_t kFolderMode = 0755;

// The flock ends with the descriptor. The file stays: removing it would let two processes lock two
// files of one name.
class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  const Descriptor descriptor_;
};

std::string holder_of(int descriptor) {
  char text[24]{};
  const ssize_t got = ::pread(descriptor, text, sizeof text - 1, 0);
  std::string holder(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  while (!holder.empty() && holder.back() == '\n') holder.pop_back();
  return holder.empty() ? "unknown" : holder;
}

Status write_holder(int descriptor, const Path& path) {
  const std::string holder = std::to_string(::getpid()) + "\n";
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, holder.data(), holder.size(), 0) !=
                                             static_cast<ssize_t>(holder.size())) {
    return fail_posix(errno, "write the lock", path);
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<File>> PosixFileSystem::open(const Path& path, OpenMode mode) {
  return PosixFile::open(path, mode, counters());
}

Result<bool> PosixFileSystem::exists(const Path& path) {
  struct stat facts{};
  if (::stat(path.c_str(), &facts) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return fail_posix(errno, "look for", path);
}

Result<std::vector<std::string>> PosixFileSystem::list(const Path& folder) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) return fail_posix(error.value(), "list", folder);
  std::sort(names.begin(), names.end());
  return names;
}

Status PosixFileSystem::create_directory(const Path& folder) {
  if (::mkdir(folder.c_str(), kFolderMode) == 0) return {};
  const int number = errno;
  struct stat facts{};
  if (number == EEXIST && ::stat(folder.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode)) return {};
  return fail_posix(number, "create the folder", folder);
}

Status PosixFileSystem::remove(const Path& path) {
  if (::unlink(path.c_str()) == 0) return {};
  // Linux says EISDIR of a folder, POSIX says EPERM.
  if ((errno == EISDIR || errno == EPERM) && ::rmdir(path.c_str()) == 0) return {};
  return fail_posix(errno, "remove", path);
}

Status PosixFileSystem::rename(const Path& from, const Path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return fail_posix(errno, "rename to " + to.string(), from);
}

Status PosixFileSystem::sync_directory(const Path& folder) {
  return sync_by(::fsync, "sync the folder", folder);
}

// The whole file system: Linux has nothing between this and one file.
Status PosixFileSystem::sync_tree(const Path& folder) {
  return sync_by(::syncfs, "sync the file system of", folder);
}

Status PosixFileSystem::sync_by(int (*sync)(int), const char* what, const Path& folder) {
  counters().syncs.fetch_add(1, std::memory_order_relaxed);
  const Descriptor descriptor = open_descriptor(folder, O_RDONLY | O_DIRECTORY);
  if (!descriptor.is_open()) return fail_posix(errno, "open the folder", folder);
  if (sync(descriptor.get()) != 0) return fail_posix(errno, what, folder);
  return {};
}

std::size_t PosixFileSystem::open_files_max() const {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return Device::open_files_max();
  return static_cast<std::size_t>(descriptors.rlim_cur);
}

Result<std::uint64_t> PosixFileSystem::free_bytes(const Path& folder) {
  struct statvfs facts{};
  while (::statvfs(folder.c_str(), &facts) != 0) {
    if (errno != EINTR) return fail_posix(errno, "ask for the free space", folder);
  }
  return std::uint64_t{facts.f_bavail} * facts.f_frsize;
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::lock(const Path& path) {
  Descriptor descriptor = open_descriptor(path, O_RDWR | O_CREAT);
  if (!descriptor.is_open()) return fail_posix(errno, "open the lock", path);
  while (::flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return fail_posix(errno, "lock", path);
    return fail(ErrorCode::kLocked,
                path.string() + ": held by process " + holder_of(descriptor.get()));
  }
  if (auto written = write_holder(descriptor.get(), path); !written) {
    return std::unexpected(std::move(written.error()));
  }
  return std::make_unique<PosixFileLock>(std::move(descriptor));
}

}  // namespace bimip::engine
