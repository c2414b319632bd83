// Which records of a partition wait for their time. Reasons: docs/design/expiry.md.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_set>
#include <vector>

#include "engine/format/delayed_state.h"
#include "engine/format/record.h"

namespace bimip::engine {

// A held record lies in the log with a time not to be delivered before; once that has come, a copy
// without it is appended, whose producer is kReleaseProducer and whose number is the offset of the
// held one. So which are pending is a function of the log alone, and a copy is appended once
// whatever crashes come between. Sixteen bytes a pending record. Owner-thread only.
class DelayedTable {
 public:
  DelayedTable() = default;
  explicit DelayedTable(const DelayedState& state);

  // The record is in the log at `offset`. In offset order.
  void add(const RecordFields& record, Offset offset);
  [[nodiscard]] std::size_t size() const {
    return heap_.size() - std::min(released_.size(), heap_.size()) + taken_.size();
  }
  [[nodiscard]] bool empty() const { return heap_.empty() && taken_.empty(); }
  // The offsets of those due, earliest first; they stay pending until their copies are added, or
  // they are put back, or dropped.
  [[nodiscard]] std::vector<Offset> take_due(Timestamp now, std::size_t count_max);
  void put_back(Offset offset);
  void drop(Offset offset) { taken_.erase(offset); }

  [[nodiscard]] DelayedState snapshot(Offset upto) const;
  [[nodiscard]] std::size_t snapshot_bytes() const { return 16 * size(); }

 private:
  void skip_released();

  std::vector<DelayedRecord> heap_;      // the earliest due in front
  std::unordered_set<Offset> released_;  // still in heap_
  std::map<Offset, Timestamp> taken_;    // not in heap_
};

}  // namespace bimip::engine
