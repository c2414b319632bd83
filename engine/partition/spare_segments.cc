#include "engine/partition/spare_segments.h"

#include <algorithm>

#include "engine/format/file_names.h"
#include "engine/partition/segment_keeper.h"

namespace bimip::engine {
namespace {

constexpr std::uint64_t kStepBytes = 4 * 1024 * 1024;
constexpr int kStepsPerTick = 16;
// Written since the last tick: with more than this the disk is not quiet. Filling counts too, so
// that it runs in every other tick at most.
constexpr std::uint64_t kQuietBytes = 1024 * 1024;

}  // namespace

Result<std::unique_ptr<SpareSegments>> SpareSegments::open(Device& device, Options options) {
  std::unique_ptr<SpareSegments> spares(new SpareSegments(device, std::move(options)));
  if (Status done = spares->adopt(); !done) return std::unexpected(std::move(done.error()));
  return spares;
}

Path SpareSegments::path(std::uint64_t number) const {
  return options_.folder / file_names::spare(number);
}

Path SpareSegments::unfinished() const {
  return options_.folder / (std::string("spare") + std::string(file_names::kNewSuffix));
}

Status SpareSegments::adopt() {
  const MutexLock lock(mutex_);
  Result<bool> there = device_.exists(options_.folder);
  if (!there) return std::unexpected(std::move(there.error()));
  if (!*there) return {};
  Result<std::vector<std::string>> names = device_.list(options_.folder);
  if (!names) return std::unexpected(std::move(names.error()));
  for (const std::string& name : *names) {
    const std::optional<std::uint64_t> number = file_names::parse_spare(name);
    if (!number && !name.ends_with(file_names::kNewSuffix)) continue;
    const Path where = options_.folder / name;
    std::uint64_t bytes = 0;
    if (number) {
      Result<std::shared_ptr<File>> file = device_.open(where, OpenMode::kRead);
      Result<std::uint64_t> size =
          file ? (*file)->size() : Result<std::uint64_t>(std::unexpected(file.error()));
      if (!size) return std::unexpected(std::move(size.error()));
      bytes = *size;
      next_number_ = std::max(next_number_, *number + 1);
    }
    if (bytes_each_ == 0) bytes_each_ = bytes;
    const bool wanted = number && bytes == bytes_each_ && bytes > 0 &&
                        (spares_.size() + 1) * bytes <= options_.bytes_max;
    if (wanted) {
      spares_.push_back(*number);
    } else if (Status gone = device_.remove(where); !gone) {
      return gone;
    }
  }
  wanted_.store(has_room(), std::memory_order_release);
  return {};
}

Result<std::shared_ptr<File>> SpareSegments::take(std::uint64_t bytes, const Path& to) {
  const MutexLock lock(mutex_);
  if (bytes != bytes_each_) {
    give_up();
    bytes_each_ = bytes;
  }
  std::optional<std::uint64_t> spare;
  if (!spares_.empty()) {
    spare = spares_.front();
    spares_.pop_front();
  }
  wanted_.store(has_room(), std::memory_order_release);
  if (!spare) return std::shared_ptr<File>();
  if (Status moved = device_.rename(path(*spare), to); !moved)
    return std::unexpected(std::move(moved.error()));
  if (Status gone = device_.sync_directory(options_.folder); !gone)
    return std::unexpected(std::move(gone.error()));
  return device_.open(to, OpenMode::kReadWrite);
}

// Spares of another length, and the one in work. What cannot be removed now is at the next open.
void SpareSegments::give_up() {
  for (const std::uint64_t number : spares_) (void)device_.remove(path(number));
  spares_.clear();
  if (in_work_) (void)device_.remove(unfinished());
  in_work_.reset();
}

// For one more.
bool SpareSegments::has_room() const {
  return bytes_each_ != 0 && (spares_.size() + 1) * bytes_each_ <= options_.bytes_max;
}

void SpareSegments::tick(JobRunner& jobs) {
  if (options_.bytes_max == 0 || filling_.load(std::memory_order_acquire)) return;
  const std::uint64_t written = device_.counters().bytes_written.load(std::memory_order_relaxed);
  const bool quiet = written - written_before_ <= kQuietBytes;
  written_before_ = written;
  if (!quiet) return;
  if (!wanted_.load(std::memory_order_acquire)) return;
  filling_.store(true, std::memory_order_release);
  jobs.post([this] { fill_while_quiet(); });
}

// Yields the job thread and the disk as soon as others write. Trouble only means fewer spares: who
// needs space for records meets it too, and reports it.
void SpareSegments::fill_while_quiet() {
  const std::atomic<std::uint64_t>& written = device_.counters().bytes_written;
  for (int step = 0; step < kStepsPerTick; ++step) {
    const std::uint64_t before = written.load(std::memory_order_relaxed);
    const MutexLock lock(mutex_);
    Result<Filled> filled = fill_step();
    if (!filled) give_up();
    wanted_.store(has_room(), std::memory_order_release);
    if (!filled || *filled == Filled::kAll) break;
    if (written.load(std::memory_order_relaxed) - before > kStepBytes) break;
  }
  filling_.store(false, std::memory_order_release);
}

Status SpareSegments::fill(std::uint64_t bytes) {
  while (true) {
    const MutexLock lock(mutex_);
    if (bytes != bytes_each_) {
      give_up();
      bytes_each_ = bytes;
    }
    Result<Filled> filled = fill_step();
    if (!filled) {
      give_up();
      return std::unexpected(std::move(filled.error()));
    }
    if (*filled == Filled::kAll) {
      wanted_.store(false, std::memory_order_release);
      return {};
    }
  }
}

Result<SpareSegments::Filled> SpareSegments::fill_step() {
  if (!has_room()) return Filled::kAll;
  if (!in_work_) {
    Status begun = begin_spare();
    if (!begun) return std::unexpected(std::move(begun.error()));
  }
  const FilePosition end = std::min(zeroed_ + kStepBytes, FilePosition(0) + bytes_each_);
  if (Status done = zero_range(*in_work_, zeroed_, end); !done)
    return std::unexpected(std::move(done.error()));
  zeroed_ = end;
  if (zeroed_.value() == bytes_each_) {
    if (Status done = finish_spare(); !done) return std::unexpected(std::move(done.error()));
  }
  return Filled::kMore;
}

Status SpareSegments::begin_spare() {
  if (Status there = device_.create_directory(options_.folder); !there) return there;
  Result<std::uint64_t> free = device_.free_bytes(options_.folder);
  if (!free) return std::unexpected(std::move(free.error()));
  if (*free < options_.free_space_floor + bytes_each_)
    return fail(ErrorCode::kNoSpace, "no room for a spare segment above the free-space floor");
  Result<std::shared_ptr<File>> file = device_.open(unfinished(), OpenMode::kCreate);
  if (!file) return std::unexpected(std::move(file.error()));
  in_work_ = std::move(*file);
  zeroed_ = FilePosition(0);
  return in_work_->allocate(FilePosition(0), bytes_each_);
}

Status SpareSegments::finish_spare() {
  in_work_.reset();
  const std::uint64_t number = next_number_++;
  if (Status done = device_.rename(unfinished(), path(number)); !done) return done;
  if (Status done = device_.sync_directory(options_.folder); !done) return done;
  spares_.push_back(number);
  return {};
}

}  // namespace bimip::engine
