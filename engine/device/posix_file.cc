#include "engine/device/posix_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "engine/device/mapped_pages.h"
#include "engine/device/posix_error.h"

namespace bimip::engine {
namespace {

constexpr mode_t kFileMode = 0644;
constexpr std::size_t kZerosBytes = 64 * 1024;

class PosixMapping final : public Mapping {
 public:
  explicit PosixMapping(Bytes bytes) : bytes_(bytes) {
    if (!bytes_.empty()) place_ = MappedPages::watch(bytes_);
  }
  PosixMapping(const PosixMapping&) = delete;
  PosixMapping& operator=(const PosixMapping&) = delete;
  ~PosixMapping() override {
    if (bytes_.empty()) return;
    MappedPages::forget(place_);
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
  [[nodiscard]] Bytes bytes() const override { return bytes_; }
  [[nodiscard]] bool is_readable() const override {
    return bytes_.empty() || !MappedPages::have_failed(place_);
  }

 private:
  const Bytes bytes_;
  std::size_t place_ = 0;  // among those that are watched; of none that is empty
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  BIMIP_ASSERT(false);
  return 0;
}

// Whether direct writes aligned to limits::kSectorBytes are accepted. A kernel that does not say is
// believed.
bool sectors_suffice(int descriptor) {
#ifdef STATX_DIOALIGN
  struct statx facts{};
  if (::statx(descriptor, "", AT_EMPTY_PATH, STATX_DIOALIGN, &facts) == 0 &&
      (facts.stx_mask & STATX_DIOALIGN) != 0) {
    return facts.stx_dio_offset_align != 0 && facts.stx_dio_offset_align <= limits::kSectorBytes &&
           facts.stx_dio_mem_align <= limits::kSectorBytes;
  }
#endif
  return descriptor >= 0;
}

}  // namespace

Descriptor::Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  Descriptor taken(std::move(other));
  std::swap(number_, taken.number_);
  return *this;
}

Descriptor::~Descriptor() {
  // Linux releases the number even when close() fails, so it is never called twice.
  if (number_ >= 0) ::close(number_);
}

Descriptor open_descriptor(const Path& path, int flags) {
  for (;;) {
    const int number = ::open(path.c_str(), flags | O_CLOEXEC, kFileMode);
    if (number >= 0 || errno != EINTR) return Descriptor(number);
  }
}

Result<std::shared_ptr<File>> PosixFile::open(const Path& path, OpenMode mode,
                                              DeviceCounters& counters) {
  Descriptor descriptor = open_descriptor(path, flags_of(mode));
  if (!descriptor.is_open()) {
    return fail_posix(errno, mode == OpenMode::kCreate ? "create" : "open", path);
  }
  return std::shared_ptr<File>(new PosixFile(path, std::move(descriptor), counters));
}

Result<std::size_t> PosixFile::read_at(FilePosition position, MutableBytes into) const {
  return read_all(buffered_.get(), position, into);
}

Result<std::size_t> PosixFile::read_aligned_at(FilePosition position, MutableBytes into) const {
  BIMIP_ASSERT(position.value() % limits::kSectorBytes == 0 &&
               into.size() % limits::kSectorBytes == 0);
  return read_all(direct_descriptor(), position, into);
}

Result<std::size_t> PosixFile::read_all(int descriptor, FilePosition position,
                                        MutableBytes into) const {
  counters_.reads.fetch_add(1, std::memory_order_relaxed);
  std::size_t done = 0;
  while (done < into.size()) {
    // What is left behind a short direct read is the file's end, or need not be aligned.
    const int from = done % limits::kSectorBytes == 0 ? descriptor : buffered_.get();
    const ssize_t got = ::pread(from, into.data() + done, into.size() - done,
                                static_cast<off_t>(position.value() + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_posix(errno, "read", path_);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  counters_.bytes_read.fetch_add(done, std::memory_order_relaxed);
  return done;
}

Status PosixFile::write_at(FilePosition position, Bytes bytes) {
  return write_all(buffered_.get(), position, bytes);
}

Status PosixFile::write_aligned_at(FilePosition position, Bytes bytes) {
  BIMIP_ASSERT(position.value() % limits::kSectorBytes == 0 &&
               bytes.size() % limits::kSectorBytes == 0);
  return write_all(direct_descriptor(), position, bytes);
}

Status PosixFile::write_all(int descriptor, FilePosition position, Bytes bytes) {
  counters_.writes.fetch_add(1, std::memory_order_relaxed);
  std::size_t done = 0;
  while (done < bytes.size()) {
    // What is left of a short direct write need not be aligned; the page cache takes it.
    const int to = done % limits::kSectorBytes == 0 ? descriptor : buffered_.get();
    const ssize_t put = ::pwrite(to, bytes.data() + done, bytes.size() - done,
                                 static_cast<off_t>(position.value() + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail_posix(errno, "write", path_);
    if (put == 0) return fail_posix(EIO, "write", path_);
    done += static_cast<std::size_t>(put);
  }
  counters_.bytes_written.fetch_add(done, std::memory_order_relaxed);
  return {};
}

Status PosixFile::sync() {
  counters_.syncs.fetch_add(1, std::memory_order_relaxed);
  // Once: after a failure the kernel may have dropped the pages and would answer the next call with
  // success.
  if (::fdatasync(buffered_.get()) != 0) return fail_posix(errno, "sync", path_);
  return {};
}

Status PosixFile::allocate(FilePosition from, std::uint64_t bytes) {
  for (;;) {
    if (::fallocate(buffered_.get(), 0, static_cast<off_t>(from.value()),
                    static_cast<off_t>(bytes)) == 0) {
      return {};
    }
    if (errno == EINTR) continue;
    if (errno != EOPNOTSUPP && errno != ENOSYS) return fail_posix(errno, "allocate", path_);
    return write_zeros(from.value(), from.value() + bytes);
  }
}

// Where a file system cannot reserve, bytes written are the reservation. Only past the end: what is
// below it may hold data.
Status PosixFile::write_zeros(std::uint64_t from, std::uint64_t end) {
  const auto size = this->size();
  if (!size) return std::unexpected(size.error());
  static constexpr std::byte zeros[kZerosBytes]{};
  for (std::uint64_t at = std::max(from, *size); at < end;) {
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(kZerosBytes, end - at));
    if (auto written = write_at(FilePosition(at), Bytes(zeros, step)); !written) return written;
    at += step;
  }
  return {};
}

Status PosixFile::truncate(std::uint64_t size) {
  for (;;) {
    if (::ftruncate(buffered_.get(), static_cast<off_t>(size)) == 0) return {};
    if (errno != EINTR) return fail_posix(errno, "truncate", path_);
  }
}

Result<std::uint64_t> PosixFile::size() const {
  struct stat facts{};
  if (::fstat(buffered_.get(), &facts) != 0) return fail_posix(errno, "stat", path_);
  return static_cast<std::uint64_t>(facts.st_size);
}

Result<std::unique_ptr<Mapping>> PosixFile::map() const {
  const auto size = this->size();
  if (!size) return std::unexpected(size.error());
  if (*size == 0) return std::make_unique<PosixMapping>(Bytes{});  // mmap refuses an empty range
  void* at = ::mmap(nullptr, *size, PROT_READ, MAP_SHARED, buffered_.get(), 0);
  if (at == MAP_FAILED) return fail_posix(errno, "map", path_);
  return std::make_unique<PosixMapping>(Bytes(static_cast<const std::byte*>(at), *size));
}

int PosixFile::direct_descriptor() const {
  std::call_once(direct_tried_, [this] {
    // Through /proc, because the file may have been renamed since it was opened.
    const Path self = "/proc/self/fd/" + std::to_string(buffered_.get());
    const int mode = ::fcntl(buffered_.get(), F_GETFL) & O_ACCMODE;  // never more than was asked
    Descriptor direct = open_descriptor(self, mode | O_DIRECT);
    if (direct.is_open() && sectors_suffice(direct.get())) direct_ = std::move(direct);
  });
  return direct_.is_open() ? direct_.get() : buffered_.get();
}

}  // namespace bimip::engine
