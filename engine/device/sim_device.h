// The simulated device: a file system in memory that forgets what it may forget.
//
// It keeps what applications see apart from what has reached the medium. A crash leaves any image
// the medium may legally hold: see LossMode, and docs/design/device.md for why these images are
// legal.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/device/device.h"

namespace bimip::engine {

class SimDisk;

// What a crash does to the changes that were not yet durable. What was durable survives all of
// these.
enum class LossMode : std::uint8_t {
  kKeepAll,          // nothing is lost: the process died, the machine did not
  kLoseUnsynced,     // everything is lost
  kRandom,           // each sector of 512 bytes, size and name is lost or not
  kTorn512,          // names and sizes survive, writes in parts of 512 bytes
  kTorn4096,         // names and sizes survive, writes in parts of 4096 bytes
  kReordered,        // the later writes and names survive, the earlier are lost
  kSizeBeforeData,   // names and sizes survive, the bytes do not: zeros, or garbage where no space
                     // was reserved
  kDataBeforeNames,  // bytes and sizes survive, names do not
};

inline constexpr std::array kAllLossModes{
    LossMode::kKeepAll,        LossMode::kLoseUnsynced,    LossMode::kRandom,
    LossMode::kTorn512,        LossMode::kTorn4096,        LossMode::kReordered,
    LossMode::kSizeBeforeData, LossMode::kDataBeforeNames,
};

std::string_view name_of(LossMode mode);

// What a fault hits. kWrite and kSync hit File and WriteQueue alike.
enum class SimOperation : std::uint8_t {
  kOpen,
  kCreate,
  kRead,
  kMap,
  kWrite,
  kSync,
  kAllocate,
  kTruncate,
  kList,
  kCreateDirectory,
  kRemove,
  kRename,
  kSyncDirectory,
};

// Calls of `operation` on paths that contain `path_contains` fail with `code`: `skip` of them pass,
// then `times` of them fail. A failed write leaves a part of its bytes; after a failed sync it is
// open which of the earlier writes became durable, and a later sync that succeeds does not mend
// that.
struct SimFault {
  SimOperation operation;
  std::string path_contains;  // of the path the file was opened under; empty hits every path
  ErrorCode code = ErrorCode::kIo;
  std::uint64_t skip = 0;
  std::uint64_t times = 1;
};

// Driven by its seed: the same seed and the same calls give the same answers. Thread-safe; calls
// from several threads are answered in the order they come. "/a" and "a" are the same path; the
// root is there.
class SimDevice final : public Device {
 public:
  explicit SimDevice(std::uint64_t seed);
  ~SimDevice() override;

  [[nodiscard]] std::string_view name() const override { return "simulated"; }
  [[nodiscard]] Result<std::shared_ptr<File>> open(const Path& path, OpenMode mode) override;
  [[nodiscard]] Result<bool> exists(const Path& path) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const Path& folder) override;
  [[nodiscard]] Status create_directory(const Path& folder) override;
  [[nodiscard]] Status remove(const Path& path) override;
  [[nodiscard]] Status rename(const Path& from, const Path& to) override;
  [[nodiscard]] Status sync_directory(const Path& folder) override;
  [[nodiscard]] Result<std::uint64_t> free_bytes(const Path& folder) override;
  [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const Path& path) override;
  [[nodiscard]] Result<std::unique_ptr<WriteQueue>> open_write_queue(BufferPool& buffers) override;

  // Mutating calls so far: create, create_directory, remove, rename, sync_directory, write_at,
  // sync, allocate, truncate, and each submission and each completion of a write queue.
  [[nodiscard]] std::uint64_t steps() const;
  // The power goes during that step (the first is 1): it and every later call fail with kIo, and
  // whether its own effect survives is up to the image's mode. A step already past is never
  // reached.
  void crash_at(std::uint64_t step);
  // The power goes now.
  void crash();
  [[nodiscard]] bool crashed() const;
  // A device just powered on, holding an image this one may leave behind if the power goes now (or
  // went).
  [[nodiscard]] std::unique_ptr<SimDevice> image(LossMode mode, std::uint64_t seed) const;

  void fail_next(SimFault fault);
  void clear_faults();
  // What all files may take together, each rounded up to 4096 bytes. Unlimited until this is
  // called.
  void set_capacity(std::uint64_t bytes);

  [[nodiscard]] std::size_t open_files_max() const override { return open_files_max_; }
  void set_open_files_max(std::size_t files) { open_files_max_ = files; }

  // For tests that look at or damage stored bytes: durable at once, no step, no fault, power on or
  // off.
  [[nodiscard]] std::vector<std::string> files() const;
  [[nodiscard]] Result<std::vector<std::byte>> contents(const Path& path) const;
  [[nodiscard]] Status set_contents(const Path& path,
                                    Bytes bytes);  // creates the file when missing
  [[nodiscard]] Status overwrite(const Path& path, FilePosition position, Bytes bytes);
  [[nodiscard]] Status flip_bit(const Path& path, FilePosition position, unsigned bit);

 private:
  const std::shared_ptr<SimDisk> disk_;
  std::atomic<std::size_t> open_files_max_{Device::open_files_max()};
};

}  // namespace bimip::engine
