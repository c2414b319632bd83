// Which records nobody is given any more, though nothing replaced them. Design:
// docs/design/delay.md.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/format/topic_config.h"
#include "engine/partition/segment_rewrite.h"

namespace bimip::engine {

// Those that have expired, and those that were held and appended again. Thread-compatible.
class LapsedRecords {
 public:
  // Nothing is.
  LapsedRecords() = default;
  // `held`: all that are still held where this is asked about, in any order.
  LapsedRecords(Timestamp now, std::vector<Offset> held) : now_(now), held_(std::move(held)) {}

  [[nodiscard]] bool expired(const Record& record) const { return has_expired(record, now_); }
  [[nodiscard]] bool released(const Record& record) {
    if (!is_held(record)) return false;
    if (!std::exchange(sorted_, true)) std::ranges::sort(held_);
    return !std::ranges::binary_search(held_, record.offset);
  }

 private:
  Timestamp now_{Timestamp::min()};
  std::vector<Offset> held_{};
  bool sorted_ = false;
};

// Keeps all others: for packing. Of a compacted topic also what has expired and has a key: it may
// be the newest of it, and only compaction knows when that can go.
class KeepCurrent final : public RecordFilter {
 public:
  KeepCurrent(LapsedRecords lapsed, Compaction compaction)
      : lapsed_(std::move(lapsed)), compaction_(compaction) {}
  [[nodiscard]] Result<Fate> decide(const Record& record) override {
    if (is_held(record)) return lapsed_.released(record) ? Fate::kDropped : Fate::kKept;
    const bool may_expire = compaction_ == Compaction::kNone || record.key.empty();
    return may_expire && lapsed_.expired(record) ? Fate::kDropped : Fate::kKept;
  }

 private:
  LapsedRecords lapsed_;
  const Compaction compaction_;
};

}  // namespace bimip::engine
