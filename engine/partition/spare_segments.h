// Segment files zeroed before anybody needs them. A commit into bytes that were written before
// needs no file-system journal, which doubles what a disk takes; zeroing at the moment of need
// would cost as much as it saves, so it is done while the disk is quiet. Figures:
// docs/design/append.md.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>

#include "engine/base/thread_annotations.h"
#include "engine/device/device.h"
#include "engine/partition/jobs.h"

namespace bimip::engine {

// A folder of spare files, all of one length: that of the segments last asked for. Thread-safe.
// A spare belongs to one taker: its name here is durably gone before its name there is used.
class SpareSegments {
 public:
  struct Options {
    Path folder{};
    std::uint64_t bytes_max = 0;         // of all spares together; 0: there are none
    std::uint64_t free_space_floor = 0;  // no spare is made that would leave less free
  };
  // Removes half-made spares, adopts whole ones. Does not create the folder.
  [[nodiscard]] static Result<std::unique_ptr<SpareSegments>> open(Device& device, Options options);

  // A spare of exactly `bytes`, renamed to `to`; nothing when there is none. From then on spares of
  // this length are made. The new name is durable after sync_directory of its folder.
  [[nodiscard]] Result<std::shared_ptr<File>> take(std::uint64_t bytes, const Path& to);

  // A few times a second: makes spares on `jobs`, as long as nothing else writes to the device.
  // Waits for nothing.
  void tick(JobRunner& jobs);
  // Makes all spares of this length that the options allow, now. kNoSpace, kIo.
  [[nodiscard]] Status fill(std::uint64_t bytes);

 private:
  enum class Filled : std::uint8_t { kAll, kMore };
  SpareSegments(Device& device, Options options) : device_(device), options_(std::move(options)) {}
  [[nodiscard]] Status adopt();
  void fill_while_quiet();
  [[nodiscard]] Result<Filled> fill_step() REQUIRES(mutex_);
  [[nodiscard]] Status begin_spare() REQUIRES(mutex_);
  [[nodiscard]] Status finish_spare() REQUIRES(mutex_);
  void give_up() REQUIRES(mutex_);
  [[nodiscard]] bool has_room() const REQUIRES(mutex_);
  [[nodiscard]] Path path(std::uint64_t number) const;
  [[nodiscard]] Path unfinished() const;

  Device& device_;
  const Options options_;
  std::atomic<bool> filling_{false};
  std::atomic<bool> wanted_{false};   // has_room(), as it last was
  std::uint64_t written_before_ = 0;  // by the device, at the last tick; on the ticking thread

  Mutex mutex_;  // held for one step of filling, and while one is taken: on job threads only
  std::uint64_t bytes_each_ GUARDED_BY(mutex_) = 0;
  std::deque<std::uint64_t> spares_ GUARDED_BY(mutex_);  // their numbers
  std::uint64_t next_number_ GUARDED_BY(mutex_) = 1;
  std::shared_ptr<File> in_work_ GUARDED_BY(mutex_);
  FilePosition zeroed_ GUARDED_BY(mutex_);  // of the file in work
};

}  // namespace bimip::engine
