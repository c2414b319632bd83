// Reads every sealed segment again, a little at a time, to find rot while there may still be
// another copy of what it took. Reasons and figures: docs/design/scrub.md.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/thread_annotations.h"
#include "engine/device/device.h"
#include "engine/format/scrub_state.h"
#include "engine/partition/jobs.h"
#include "engine/partition/partition_reader.h"
#include "engine/segment/block_reader.h"

namespace bimip::engine {

struct ScrubOptions {
  // Never more; 0: no scrub. Less, when every byte can be read within half of `age_goal` so.
  std::uint64_t bytes_per_second_max = limits::kScrubBytesPerSecondMax;
  std::chrono::seconds age_goal = limits::kScrubAgeGoal;
};

// Since the store was opened. Thread-safe.
struct ScrubCounters {
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> blocks{0};
  std::atomic<std::uint64_t> segments{0};
  std::atomic<std::uint64_t> findings{0};  // new ones
  std::atomic<std::int64_t> oldest_age_s{
      0};  // of what was verified least recently, when last looked
  std::atomic<std::uint64_t> bytes_behind{0};  // in segments older than the goal, when last looked
};

// The segment that was verified least recently comes next; one never verified counts from its last
// record. Where it stands is written down at most once a minute: a crash costs that much reading.
// Rests while the store writes, until the goal is missed. Reads around the page cache. tick() on
// one thread; the rest is thread-safe.
class Scrubber {
 public:
  struct Parts {
    Device& device;
    BufferPool& pool;
    const Clock& clock;
    JobRunner& background;
    Path state_file;
    StoreId store;
    ScrubOptions options;
    std::function<std::vector<SealedPlace>()> segments;  // all there are; thread-safe
  };
  explicit Scrubber(Parts parts) : parts_(std::move(parts)) {}

  // Reads where an earlier process stood. A state that is missing or damaged costs reading.
  void load();
  // A few times a second: reads on when it is time to.
  void tick();
  [[nodiscard]] const ScrubCounters& counters() const { return counters_; }
  // Damage that is still there, oldest first.
  [[nodiscard]] std::vector<ScrubFinding> findings() const;

 private:
  using Key = std::tuple<TopicId, PartitionId, Epoch>;
  struct Current {
    SealedPlace place;
    std::unique_ptr<BlockReader> blocks;
    Offset expected{};
    std::set<FilePosition> damaged{};  // found in this pass
  };
  static Key key_of(const SegmentIdentity& segment) {
    return {segment.topic, segment.partition, segment.epoch};
  }
  [[nodiscard]] bool may_read_now();
  void step();
  void choose();
  void begin(const SealedPlace& place);
  void read_some();
  void pass_damage(const Error& error);
  void found(FilePosition from, FilePosition end, OffsetRange offsets, const std::string& why);
  void finish();
  void write_state();

  const Parts parts_;
  ScrubCounters counters_;
  std::atomic<bool> stepping_{false};
  std::atomic<std::uint64_t> rate_{0};  // bytes a second, as last chosen

  // On the ticking thread.
  std::chrono::nanoseconds last_tick_{};
  double allowance_ = 0;
  std::uint64_t written_before_ = 0;

  // Of the step that runs.
  std::optional<Current> current_;
  std::map<Key, Timestamp> verified_;
  std::chrono::nanoseconds next_choice_{};
  std::chrono::nanoseconds written_down_at_{};
  bool unwritten_ = false;
  bool write_at_once_ = false;

  mutable Mutex mutex_;
  std::map<std::pair<Key, FilePosition>, ScrubFinding> findings_ GUARDED_BY(mutex_);
};

}  // namespace bimip::engine
