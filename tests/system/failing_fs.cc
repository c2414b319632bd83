// A file system that gives what is asked of it to a folder, and fails where it is told to: the
// errors that a device has, where they come from on a real machine, out of the kernel. Mounted
// through FUSE.
#define FUSE_USE_VERSION 31
#include <dirent.h>
#include <fcntl.h>
#include <fuse.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view kUsage =
    "usage: failing_fs FOLDER MOUNTPOINT RULES HITS\n"
    "Shows FOLDER at MOUNTPOINT until it is unmounted. Each line of RULES, which is read at every "
    "call, is\n"
    "    OPERATION ERROR PART\n"
    "and lets the operation (open, read, write, sync, allocate, change) fail with the error (EIO, "
    "ENOSPC, EROFS) on\n"
    "every path that holds the part. What was failed is appended to HITS, a line each.\n";

struct Places {
  std::string folder;
  std::string rules;
  std::string hits;
};
Places places;  // before it is mounted

std::string real(const char* path) { return places.folder + path; }

int error_of(std::string_view name) {
  static const std::map<std::string_view, int> kErrors{
      {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EROFS", EROFS}};
  const auto found = kErrors.find(name);
  return found == kErrors.end() ? EINVAL : found->second;
}

void note(std::string_view operation, std::string_view path) {
  const std::string line = std::string(operation) + " " + std::string(path) + "\n";
  const int hits = ::open(places.hits.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (hits < 0) return;
  if (::write(hits, line.data(), line.size()) < 0) std::perror("failing_fs");
  ::close(hits);
}

// What the operation is to fail with, negative as FUSE has it; 0: nothing.
int failure(std::string_view operation, std::string_view path) {
  std::ifstream rules(places.rules);
  std::string which;
  std::string error;
  std::string part;
  while (rules >> which >> error >> part) {
    if (which != operation || path.find(part) == std::string_view::npos) continue;
    note(operation, path);
    return -error_of(error);
  }
  return 0;
}

int result(int returned) { return returned < 0 ? -errno : 0; }

// A file or a folder that somebody has open, and the name it was opened under: it may have none any
// more.
struct Opened {
  int descriptor;
  std::string path;
};
Opened* opened(const fuse_file_info* info) {
  return reinterpret_cast<Opened*>(info->fh);  // NOLINT: what FUSE keeps for us is a number
}
int descriptor(const fuse_file_info* info) { return opened(info)->descriptor; }
int failure(std::string_view operation, const fuse_file_info* info) {
  return failure(operation, opened(info)->path);
}

int keep(int descriptor, const char* path, fuse_file_info* info) {
  if (descriptor < 0) return -errno;
  info->fh = reinterpret_cast<std::uint64_t>(new Opened{descriptor, path});  // NOLINT
  return 0;
}

// A buffer of FUSE's is not aligned as the kernel asks of who reads around its cache. Appending is
// done by position.
int flags_below(int flags) { return (flags & ~(O_DIRECT | O_APPEND)) | O_CLOEXEC; }

int fs_getattr(const char* path, struct stat* facts, fuse_file_info* info) {
  return result(info != nullptr ? ::fstat(descriptor(info), facts)
                                : ::lstat(real(path).c_str(), facts));
}

int fs_open(const char* path, fuse_file_info* info) {
  if (const int failed = failure("open", path)) return failed;
  return keep(::open(real(path).c_str(), flags_below(info->flags)), path, info);
}

int fs_create(const char* path, mode_t mode, fuse_file_info* info) {
  if (const int failed = failure("change", path)) return failed;
  return keep(::open(real(path).c_str(), flags_below(info->flags) | O_CREAT, mode), path, info);
}

int fs_release(const char*, fuse_file_info* info) {
  const int closed = result(::close(descriptor(info)));
  delete opened(info);
  return closed;
}

int fs_read(const char*, char* into, size_t bytes, off_t at, fuse_file_info* info) {
  if (const int failed = failure("read", info)) return failed;
  const ssize_t got = ::pread(descriptor(info), into, bytes, at);
  return got < 0 ? -errno : static_cast<int>(got);
}

int fs_write(const char*, const char* from, size_t bytes, off_t at, fuse_file_info* info) {
  if (const int failed = failure("write", info)) return failed;
  const ssize_t put = ::pwrite(descriptor(info), from, bytes, at);
  if (put < 0) return -errno;
  // The kernel says so for a single write, too.
  if ((info->flags & (O_DSYNC | O_SYNC)) != 0 && ::fdatasync(descriptor(info)) < 0) return -errno;
  return static_cast<int>(put);
}

int fs_fsync(const char*, int data_only, fuse_file_info* info) {
  if (const int failed = failure("sync", info)) return failed;
  return result(data_only != 0 ? ::fdatasync(descriptor(info)) : ::fsync(descriptor(info)));
}

int fs_fallocate(const char*, int mode, off_t at, off_t bytes, fuse_file_info* info) {
  if (const int failed = failure("allocate", info)) return failed;
  return result(::fallocate(descriptor(info), mode, at, bytes));
}

int fs_truncate(const char* path, off_t bytes, fuse_file_info* info) {
  if (const int failed = info != nullptr ? failure("change", info) : failure("change", path))
    return failed;
  return result(info != nullptr ? ::ftruncate(descriptor(info), bytes)
                                : ::truncate(real(path).c_str(), bytes));
}

int fs_mkdir(const char* path, mode_t mode) {
  if (const int failed = failure("change", path)) return failed;
  return result(::mkdir(real(path).c_str(), mode));
}

int fs_rmdir(const char* path) {
  if (const int failed = failure("change", path)) return failed;
  return result(::rmdir(real(path).c_str()));
}

int fs_unlink(const char* path) {
  if (const int failed = failure("change", path)) return failed;
  return result(::unlink(real(path).c_str()));
}

int fs_rename(const char* from, const char* to, unsigned flags) {
  if (const int failed = failure("change", to)) return failed;
  return result(::renameat2(AT_FDCWD, real(from).c_str(), AT_FDCWD, real(to).c_str(), flags));
}

int fs_utimens(const char* path, const timespec times[2], fuse_file_info* info) {
  return result(info != nullptr ? ::futimens(descriptor(info), times)
                                : ::utimensat(AT_FDCWD, real(path).c_str(), times, 0));
}

int fs_chmod(const char* path, mode_t mode, fuse_file_info* info) {
  return result(info != nullptr ? ::fchmod(descriptor(info), mode)
                                : ::chmod(real(path).c_str(), mode));
}

int fs_statfs(const char* path, struct statvfs* facts) {
  return result(::statvfs(real(path).c_str(), facts));
}

int fs_opendir(const char* path, fuse_file_info* info) {
  return keep(::open(real(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), path, info);
}

int fs_readdir(const char*, void* into, fuse_fill_dir_t fill, off_t, fuse_file_info* info,
               fuse_readdir_flags) {
  const int again = ::openat(descriptor(info), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const folder = again < 0 ? nullptr : ::fdopendir(again);
  if (folder == nullptr) return -errno;
  while (const dirent* const entry = ::readdir(folder))
    fill(into, entry->d_name, nullptr, 0, fuse_fill_dir_flags{});
  ::closedir(folder);
  return 0;
}

int fs_fsyncdir(const char*, int, fuse_file_info* info) {
  if (const int failed = failure("sync", info)) return failed;
  return result(::fsync(descriptor(info)));
}

void* fs_init(fuse_conn_info*, fuse_config* config) {
  config->use_ino = 1;
  config->hard_remove = 1;  // no other names for files that are removed while they are open
  config->nullpath_ok = 1;
  return nullptr;
}

fuse_operations operations() {
  fuse_operations all{};
  all.init = fs_init;
  all.getattr = fs_getattr;
  all.open = fs_open;
  all.create = fs_create;
  all.release = fs_release;
  all.read = fs_read;
  all.write = fs_write;
  all.fsync = fs_fsync;
  all.fallocate = fs_fallocate;
  all.truncate = fs_truncate;
  all.mkdir = fs_mkdir;
  all.rmdir = fs_rmdir;
  all.unlink = fs_unlink;
  all.rename = fs_rename;
  all.utimens = fs_utimens;
  all.chmod = fs_chmod;
  all.statfs = fs_statfs;
  all.opendir = fs_opendir;
  all.readdir = fs_readdir;
  all.releasedir = fs_release;
  all.fsyncdir = fs_fsyncdir;
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs(kUsage.data(), stderr);
    return 2;
  }
  places = {.folder = std::filesystem::absolute(argv[1]),
            .rules = std::filesystem::absolute(argv[3]),
            .hits = std::filesystem::absolute(argv[4])};
  const fuse_operations all = operations();
  std::string foreground = "-f";
  char* arguments[] = {argv[0], argv[2], foreground.data(), nullptr};
  return fuse_main(3, arguments, &all, nullptr);
}
