// The seam to the disk: everything the engine does to a file system goes through these interfaces.
// Three implementations: io_uring (uring_device.h), portable (posix_device.h), simulated
// (sim_device.h).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "engine/base/types.h"

namespace bimip::engine {

using Path = std::filesystem::path;

enum class OpenMode : std::uint8_t {
  kRead,       // must exist
  kReadWrite,  // must exist
  kCreate,     // must not exist; its name is durable only after sync_directory of its folder
};

// Read-only view of a whole file in memory. Immutable; the view ends with the object.
class Mapping {
 public:
  virtual ~Mapping() = default;
  [[nodiscard]] virtual Bytes bytes() const = 0;
  // Asked after the bytes were looked at: no, and some of them were zeros in place of what the
  // device did not give; what was found in them counts for nothing.
  [[nodiscard]] virtual bool is_readable() const { return true; }
};

// One open file; closes when destroyed. Thread-safe: every call names its position.
// No call retries a failed write or sync: after one, what the file holds is unknown until re-read.
class File {
 public:
  virtual ~File() = default;

  // Fills `into` from `position`; answers the bytes read, fewer than asked only at the file's end.
  [[nodiscard]] virtual Result<std::size_t> read_at(FilePosition position,
                                                    MutableBytes into) const = 0;
  // The same around the page cache where the device can: what the medium holds, and nobody else's
  // pages are displaced. Position, length and memory are aligned to limits::kSectorBytes.
  [[nodiscard]] virtual Result<std::size_t> read_aligned_at(FilePosition position,
                                                            MutableBytes into) const {
    return read_at(position, into);
  }
  // Writes all of `bytes`, or fails. Not durable before sync(). For small metadata and recovery,
  // not for commits.
  [[nodiscard]] virtual Status write_at(FilePosition position, Bytes bytes) = 0;
  // The same around the page cache where the device can: for much that nobody reads soon. Position,
  // length and memory are aligned to limits::kSectorBytes.
  [[nodiscard]] virtual Status write_aligned_at(FilePosition position, Bytes bytes) = 0;
  // What was written and the file's size survive power loss once this returns; its name does not
  // (sync_directory).
  [[nodiscard]] virtual Status sync() = 0;
  // Reserves [from, from + bytes) so that writes there cannot run out of space, and grows the file
  // to hold it. Reserved bytes never written read as zeros. kNoSpace when they cannot be had; the
  // file is then unchanged or holds a part of the range.
  [[nodiscard]] virtual Status allocate(FilePosition from, std::uint64_t bytes) = 0;
  [[nodiscard]] virtual Status truncate(std::uint64_t size) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() const = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<Mapping>> map() const = 0;
};

enum class WriteDurability : std::uint8_t {
  kWritten,  // done when the operating system has the bytes: survives this process, not power loss
  kDurable,  // done when these bytes survive power loss; says nothing of other writes
};

class WriteQueue;

// A file attached to a WriteQueue. Only meaningful to the queue that gave it.
enum class FileSlot : std::uint32_t {};

// One operation given to a WriteQueue. The caller owns it and keeps it and its bytes unchanged
// until poll() returns it.
struct DeviceOperation {
  enum class Kind : std::uint8_t { kWrite, kSync };
  Kind kind = Kind::kWrite;
  WriteDurability durability = WriteDurability::kDurable;  // of a write
  FileSlot file{};
  FilePosition position{};  // of a write: a multiple of limits::kSectorBytes
  Bytes bytes;            // of a write: a multiple of limits::kSectorBytes, aligned to it in memory
  void* owner = nullptr;  // the caller's own
  Status result;          // set when poll() returns the operation
};

// Writes and syncs in flight, many at a time, completing in any order. A write completes
// successfully only when every byte of it reached what its durability asks for. Owner-thread only,
// but for wake(). Destroying it waits for what is in flight.
class WriteQueue {
 public:
  virtual ~WriteQueue() = default;

  [[nodiscard]] virtual Result<FileSlot> attach(std::shared_ptr<File> file) = 0;
  // No operation of the slot may be in flight.
  virtual void detach(FileSlot slot) = 0;

  // Takes the operation; it may start at once or at the next poll().
  virtual void submit(DeviceOperation& operation) = 0;

  // Starts what was submitted, then waits until an operation has finished, wake() was called or
  // `wait` has passed (zero: does not wait); appends what finished to `finished`.
  virtual void poll(std::chrono::microseconds wait, std::vector<DeviceOperation*>& finished) = 0;

  // Makes a waiting or the next poll() return. Thread-safe.
  virtual void wake() = 0;
};

// What the engine asked of a device since it was made. Thread-safe.
struct DeviceCounters {
  std::atomic<std::uint64_t> reads{0};
  std::atomic<std::uint64_t> bytes_read{0};
  std::atomic<std::uint64_t> writes{0};
  std::atomic<std::uint64_t> bytes_written{0};
  std::atomic<std::uint64_t> syncs{0};
  std::atomic<std::uint64_t> open_files{0};  // now
};

// Holds a lock file; the lock ends with the object or the process.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class BufferPool;

// A file system. Thread-safe. Outlives its files, mappings, locks and queues. Errors: kNotFound,
// kAlreadyExists, kNoSpace, kLocked, kBusy (no descriptor or memory is left), else kIo with the
// operating system's words and the path.
class Device {
 public:
  virtual ~Device() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;  // "io_uring", "portable", "simulated"

  [[nodiscard]] virtual Result<std::shared_ptr<File>> open(const Path& path, OpenMode mode) = 0;
  [[nodiscard]] virtual Result<bool> exists(const Path& path) = 0;
  // Names in a folder, sorted, without "." and "..".
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const Path& folder) = 0;
  // Succeeds when the folder is already there. Durable after sync_directory of its parent.
  [[nodiscard]] virtual Status create_directory(const Path& folder) = 0;
  // Durable after sync_directory of the folder.
  [[nodiscard]] virtual Status remove(const Path& path) = 0;
  // Replaces `to`, atomically even across power loss; durable after sync_directory of the folder.
  [[nodiscard]] virtual Status rename(const Path& from, const Path& to) = 0;
  [[nodiscard]] virtual Status sync_directory(const Path& folder) = 0;
  // What was done below the folder so far, bytes, sizes and names, survives power loss once this
  // returns: one call in place of thousands. It may wait for what others wrote to the same disk.
  [[nodiscard]] virtual Status sync_tree(const Path& folder);
  // Files that may be open at a time.
  [[nodiscard]] virtual std::size_t open_files_max() const { return 65'536; }
  [[nodiscard]] virtual Result<std::uint64_t> free_bytes(const Path& folder) = 0;
  // Creates the file when it is missing. kLocked, naming the holder's process id, when another
  // holds it.
  [[nodiscard]] virtual Result<std::unique_ptr<FileLock>> lock(const Path& path) = 0;
  // `buffers` outlives the queue; writes out of its arena are the fastest.
  [[nodiscard]] virtual Result<std::unique_ptr<WriteQueue>> open_write_queue(
      BufferPool& buffers) = 0;

  [[nodiscard]] DeviceCounters& counters() { return counters_; }

 private:
  DeviceCounters counters_;
};

// What Device::sync_tree promises, by a call for each file and folder: others are not waited for.
[[nodiscard]] Status sync_each(Device& device, const Path& folder);

// What replace_file puts behind the name it writes to first. A file with such a name means nothing.
inline constexpr std::string_view kAsideSuffix = ".new";

// Writes `bytes` beside `path`, syncs them, renames them onto `path` and syncs the folder: after a
// crash the path holds the old bytes or the new ones, whole. Durable when it returns.
[[nodiscard]] Status replace_file(Device& device, const Path& path, Bytes bytes);

// The whole file; kTooLarge above `bytes_max`.
[[nodiscard]] Result<std::vector<std::byte>> read_file(Device& device, const Path& path,
                                                       std::uint64_t bytes_max);

}  // namespace bimip::engine
