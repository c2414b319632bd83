// Files of the operating system, shared by the portable device and the io_uring one.
#pragma once

#include <mutex>

#include "engine/device/device.h"

namespace bimip::engine {

// Owns one descriptor. Thread-compatible.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

// open(2) with O_CLOEXEC, again when a signal interrupts it. Not open on failure: errno says why.
Descriptor open_descriptor(const Path& path, int flags);

// One open file: read, written and mapped through the page cache; a write queue writes around it
// through a second descriptor, opened when it is first attached. Thread-safe. The device's counters
// outlive it.
class PosixFile final : public File {
 public:
  ~PosixFile() override { counters_.open_files.fetch_sub(1, std::memory_order_relaxed); }
  static Result<std::shared_ptr<File>> open(const Path& path, OpenMode mode,
                                            DeviceCounters& counters);

  [[nodiscard]] Result<std::size_t> read_at(FilePosition position,
                                            MutableBytes into) const override;
  [[nodiscard]] Result<std::size_t> read_aligned_at(FilePosition position,
                                                    MutableBytes into) const override;
  [[nodiscard]] Status write_at(FilePosition position, Bytes bytes) override;
  [[nodiscard]] Status write_aligned_at(FilePosition position, Bytes bytes) override;
  [[nodiscard]] Status sync() override;
  [[nodiscard]] Status allocate(FilePosition from, std::uint64_t bytes) override;
  [[nodiscard]] Status truncate(std::uint64_t size) override;
  [[nodiscard]] Result<std::uint64_t> size() const override;
  [[nodiscard]] Result<std::unique_ptr<Mapping>> map() const override;

  [[nodiscard]] const Path& path() const { return path_; }
  [[nodiscard]] int buffered_descriptor() const { return buffered_.get(); }
  // Opened O_DIRECT; the buffered one where the file system or the device's sectors do not allow
  // that, which is slower and keeps every promise.
  [[nodiscard]] int direct_descriptor() const;

 private:
  PosixFile(Path path, Descriptor buffered, DeviceCounters& counters)
      : path_(std::move(path)), buffered_(std::move(buffered)), counters_(counters) {
    counters_.open_files.fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] Result<std::size_t> read_all(int descriptor, FilePosition position,
                                             MutableBytes into) const;
  [[nodiscard]] Status write_all(int descriptor, FilePosition position, Bytes bytes);
  [[nodiscard]] Status write_zeros(std::uint64_t from, std::uint64_t end);

  const Path path_;
  const Descriptor buffered_;
  DeviceCounters& counters_;
  mutable std::once_flag direct_tried_;
  mutable Descriptor direct_;  // set once under direct_tried_
};

}  // namespace bimip::engine
