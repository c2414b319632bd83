// Finds which records of a keyed log are the newest of their keys. Design:
// docs/design/compaction.md.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "engine/device/buffer_pool.h"
#include "engine/device/device.h"
#include "engine/format/manifest.h"
#include "engine/partition/lapsed_records.h"
#include "engine/segment/block_reader.h"

namespace bimip::engine {

// Some offsets of a range, a bit each. Immutable once shared.
class OffsetSet {
 public:
  explicit OffsetSet(OffsetRange range)
      : range_(range), words_((range.end - range.first + 63) / 64, 0) {}

  void add(Offset offset) {
    if (!covers(offset)) return;
    const std::uint64_t at = offset - range_.first;
    words_[at / 64] |= std::uint64_t{1} << (at % 64);
  }
  [[nodiscard]] bool contains(Offset offset) const {
    if (!covers(offset)) return false;
    const std::uint64_t at = offset - range_.first;
    return (words_[at / 64] >> (at % 64) & 1) != 0;
  }
  [[nodiscard]] std::uint64_t count(OffsetRange in) const;

 private:
  [[nodiscard]] bool covers(Offset offset) const {
    return offset >= range_.first && offset < range_.end;
  }

  OffsetRange range_{};
  std::vector<std::uint64_t> words_{};
};

// Keys by their hashes and the newest offset of each: open addressing in one array.
// Thread-compatible.
class NewestByKey {
 public:
  NewestByKey() : slots_(kSlotsMin) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  struct Newest {
    Offset offset{};
    IncrementId increment{};
  };
  void put(const Hash128& key, const Newest& newest);
  [[nodiscard]] std::optional<Newest> find(const Hash128& key) const;
  // Forgets the keys whose hash's high half is above this.
  void keep_up_to(std::uint64_t high);
  void clear() { *this = NewestByKey(); }
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (const Slot& slot : slots_) {
      if (slot.is_taken()) visit(slot.newest.offset);
    }
  }

 private:
  struct Slot {
    static constexpr Offset kFree{~std::uint64_t{0}};
    Hash128 key{};
    Newest newest{.offset = kFree};
    [[nodiscard]] bool is_taken() const { return newest.offset != kFree; }
  };
  static constexpr std::size_t kSlotsMin = 4096;
  [[nodiscard]] Slot& slot_of(const Hash128& key);

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

// One survey, step by step, off the writer's thread. It reads the segments as often as it must so
// that no more than `keys_max` keys are in memory at once: a pass for each part of the keys'
// hashes, the parts as large as they turn out to fit; two when more than the newest record of a key
// is to be known. Thread-compatible.
class KeySurvey {
 public:
  struct Plan {
    Path folder{};
    SegmentIdentity partition{};              // its epoch is zero
    std::vector<ManifestSegment> segments{};  // neighbours, oldest first
    Offset window_end{};  // of the records before it is found out whether they are the newest
    std::size_t keys_max = 0;
    LapsedRecords lapsed{};
    std::uint64_t kept_of_each = 1;  // newest records of a key
  };
  struct Found {
    std::uint64_t keyed = 0;       // records with a key that can be read
    std::uint64_t tombstones = 0;  // or expired
    std::uint64_t lapsed = 0;      // without a key, or held, and over
    bool unreadable = false;       // the segment as a whole
  };
  KeySurvey(Device& device, BufferPool& pool, Plan plan);

  // Reads about limits::kRewriteStepBytes; true when all is known. kIo, kUnsupportedVersion.
  [[nodiscard]] Result<bool> step();

  [[nodiscard]] const Plan& plan() const { return plan_; }
  // Those before the window's end that are the newest of their keys in all the segments.
  [[nodiscard]] const std::shared_ptr<OffsetSet>& newest() const { return newest_; }
  // The same of those that are among the newest `kept_of_each` of their keys, by their increments.
  [[nodiscard]] const std::shared_ptr<OffsetSet>& kept() const {
    return plan_.kept_of_each == 1 ? newest_ : kept_;
  }
  [[nodiscard]] const Found& found(std::size_t segment) const { return found_[segment]; }
  [[nodiscard]] std::uint64_t passes() const { return passes_; }

 private:
  [[nodiscard]] Status open_segment();
  void take(const Block& block);
  void count(const Record& record);
  void find_newest(const Record& record, const Hash128& key);
  void mark_kept(const Record& record, const Hash128& key);
  void end_pass();
  void next_part();

  Device& device_;
  BufferPool& pool_;
  Plan plan_;
  std::vector<Found> found_;
  std::shared_ptr<OffsetSet> newest_;
  std::shared_ptr<OffsetSet> kept_;  // when more than the newest are
  bool marking_ = false;             // the keys of this part are known; what is kept is marked
  NewestByKey keys_;
  // This pass looks at keys whose hash's high half is in [first_, last_].
  std::uint64_t first_ = 0;
  std::uint64_t last_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t passes_ = 0;
  std::size_t segment_ = 0;
  std::optional<BlockReader> reader_;
};

}  // namespace bimip::engine
