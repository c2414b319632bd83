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
  // Told of each new finding, on the background thread; outlives the store.
  std::function<void(const ScrubFinding&)> on_finding = [](const ScrubFinding&) {};
};

// Since the store was opened. Thread-safe.
struct ScrubCounters {
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> segments{0};
  // When last looked: the age of what was verified least recently, and what is older than the goal.
  std::atomic<std::int64_t> oldest_age_s{0};
  std::atomic<std::uint64_t> bytes_behind{0};
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
  explicit Scrubber(Parts parts);

  // Reads where an earlier process stood. A state that is missing or damaged costs reading.
  void load();
  // A few times a second: reads on when it is time to.
  void tick();
  // Begins nothing any more; a step that runs ends soon.
  void stop() { stopped_.store(true); }
  [[nodiscard]] const ScrubCounters& counters() const { return counters_; }
  // Damage that is still there, oldest first.
  [[nodiscard]] std::vector<ScrubFinding> findings() const;
  [[nodiscard]] std::size_t finding_count() const;

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
  [[nodiscard]] bool has_work() const;
  [[nodiscard]] bool is_resting();
  void run(double bytes);
  void step();
  void choose();
  void forget_all_but(const std::set<Key>& there);
  void begin(const SealedPlace& place);
  void check_ends(const File& file);
  void read_some();
  void count_bytes(std::uint64_t bytes);
  void pass_damage(const Error& error);
  [[nodiscard]] std::optional<BlockHeader> next_good();
  struct Damage {
    FilePosition from{};
    FilePosition end{};
    OffsetRange offsets{};
  };
  void found(const Damage& damage, const std::string& why);
  void finish();
  void write_state();

  const Parts parts_;
  ScrubCounters counters_;
  std::atomic<bool> stopped_{false};
  std::atomic<bool> running_{false};
  std::atomic<std::uint64_t> rate_{0};                    // bytes a second, as last chosen
  std::atomic<std::chrono::nanoseconds> next_choice_at_;  // unless a segment is being read
  std::atomic<bool> reading_{false};                      // a segment

  // On the ticking thread.
  std::chrono::nanoseconds last_tick_;
  double allowance_ = 0;
  std::uint64_t written_before_ = 0;

  // Of the step that runs, and the ticking thread's while none does.
  std::uint64_t spent_ = 0;  // of the allowance

  // Of the step that runs.
  std::optional<Current> current_;
  std::map<Key, Timestamp> verified_;
  Timestamp looked_at_ = Timestamp::min();
  std::chrono::nanoseconds written_down_at_;
  bool unwritten_ = false;
  bool write_at_once_ = false;

  mutable Mutex mutex_;
  std::map<std::pair<Key, FilePosition>, ScrubFinding> findings_ GUARDED_BY(mutex_);
};

}  // namespace bimip::engine
