#include "tools/log/read_only_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "engine/base/limits.h"

namespace bimip::log_tools {
namespace {

constexpr std::uint64_t kDiskUnitBytes = 512;  // of st_blocks, whatever the file system's own

std::unexpected<Error> fail_system(int number, const char* what, const Path& path) {
  const ErrorCode code =
      number == ENOENT || number == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo;
  return fail(code,
              path.string() + ": cannot " + what + ": " + std::generic_category().message(number));
}

int open_descriptor(const Path& path, int flags) {
  for (;;) {
    // Without O_NONBLOCK a pipe of that name would keep us waiting.
    const int number = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
    if (number >= 0 || errno != EINTR) return number;
  }
}

}  // namespace

Result<Path> find_given(const Path& path) {
  std::error_code error;
  Path found = std::filesystem::canonical(path, error);
  if (error) {
    const bool missing =
        error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
    return fail(missing ? ErrorCode::kNotFound : ErrorCode::kIo,
                path.string() + ": " + error.message());
  }
  if (Status readable = check_readable(found); !readable)
    return std::unexpected(std::move(readable.error()));
  return found;
}

Status check_readable(const Path& path) {
  struct stat facts{};
  const int number = ::stat(path.c_str(), &facts) == 0 ? 0 : errno;
  const int wanted = S_ISDIR(facts.st_mode) ? R_OK | X_OK : R_OK;
  const bool refused =
      number == EACCES ||
      (number == 0 && ::faccessat(AT_FDCWD, path.c_str(), wanted, AT_EACCESS) != 0 &&
       errno == EACCES);
  if (!refused) return {};
  return fail(ErrorCode::kIo, path.string() + ": " + std::generic_category().message(EACCES) +
                                  "; run this as the user whom the store belongs to, or as root");
}

Result<std::unique_ptr<ReadOnlyFile>> ReadOnlyFile::open(const Path& path, ReadVia via) {
  int descriptor = -1;
#ifdef O_DIRECT
  if (via == ReadVia::kDevice) descriptor = open_descriptor(path, O_DIRECT);
#endif
  if (descriptor < 0) descriptor = open_descriptor(path, 0);
  if (descriptor < 0) return fail_system(errno, "open", path);
  struct stat facts{};
  if (::fstat(descriptor, &facts) != 0) {
    const int number = errno;
    ::close(descriptor);
    return fail_system(number, "look at", path);
  }
  if (!S_ISREG(facts.st_mode)) {
    ::close(descriptor);
    return fail(ErrorCode::kInvalidArgument, path.string() + ": is not a file");
  }
  (void)::posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::unique_ptr<ReadOnlyFile>(
      new ReadOnlyFile(path, descriptor, static_cast<std::uint64_t>(facts.st_size),
                       static_cast<std::uint64_t>(facts.st_blocks) * kDiskUnitBytes));
}

Status ReadOnlyFile::measure() {
  struct stat facts{};
  if (::fstat(descriptor_, &facts) != 0) return fail_system(errno, "look at", path_);
  bytes_ = static_cast<std::uint64_t>(facts.st_size);
  disk_bytes_ = static_cast<std::uint64_t>(facts.st_blocks) * kDiskUnitBytes;
  return {};
}

ReadOnlyFile::~ReadOnlyFile() { ::close(descriptor_); }

Result<std::size_t> ReadOnlyFile::read_at(FilePosition position, MutableBytes into) const {
  std::size_t done = 0;
  // Read at the end of the file as the disk has it, a direct read may ask for more than is there.
  const std::uint64_t left = bytes_ - std::min(bytes_, position.value());
  if (left % limits::kSectorBytes == 0) into = into.first(std::min<std::size_t>(into.size(), left));
  while (done < into.size()) {
    const ssize_t got = ::pread(descriptor_, into.data() + done, into.size() - done,
                                static_cast<off_t>(position.value() + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_system(errno, "read", path_);
    done += static_cast<std::size_t>(got);
    // At the end of a file a direct read is short, and one from there on is refused.
    if (got == 0 || position.value() + done >= bytes_) break;
  }
  return done;
}

Result<std::vector<std::byte>> read_whole(const Path& path, std::uint64_t bytes_max) {
  Result<std::unique_ptr<ReadOnlyFile>> file = ReadOnlyFile::open(path, ReadVia::kPageCache);
  if (!file) return std::unexpected(std::move(file.error()));
  if ((*file)->bytes() > bytes_max) {
    return fail(ErrorCode::kTooLarge, path.string() + ": has " + std::to_string((*file)->bytes()) +
                                          " bytes; at most " + std::to_string(bytes_max) +
                                          " are read");
  }
  std::vector<std::byte> bytes((*file)->bytes());
  Result<std::size_t> got = (*file)->read_at(FilePosition(0), bytes);
  if (!got) return std::unexpected(std::move(got.error()));
  bytes.resize(*got);
  return bytes;
}

}  // namespace bimip::log_tools
