// Which records of a partition are held until their time. Reasons: docs/design/delay.md.
#pragma once

#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/format/producer_state.h"
#include "engine/format/record.h"

namespace bimip::engine {

// Derived from the log: those held, less those that were appended again. 16 bytes a record.
// Owner-thread only. At most one release is under way: what take_due() gave, until put_back().
class HeldRecords {
 public:
  HeldRecords() = default;
  explicit HeldRecords(std::vector<HeldRecord> held);

  // The record is in the log at `offset`. In offset order.
  void add(const RecordFields& record, Offset offset);
  // All of a log was added: forgets those that were held and appended again.
  void settle();

  [[nodiscard]] std::size_t size() const { return heap_.size() + taken_.size(); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  // When the next one is due that is not being released.
  [[nodiscard]] std::optional<Timestamp> next_due() const;
  // The one first in the log; nothing when none is held.
  [[nodiscard]] std::optional<Offset> oldest();
  // Those that are held in a range, or whose second append may not be durable yet, in any order.
  [[nodiscard]] std::vector<Offset> in(OffsetRange range) const;
  // As the log up to the newest record that was added says.
  [[nodiscard]] std::vector<HeldRecord> snapshot() const;
  // What a snapshot takes, encoded.
  [[nodiscard]] std::size_t snapshot_bytes() const { return kHeldBytes * size(); }

  // Begins a release: the offsets of those due, the earliest first.
  [[nodiscard]] std::vector<Offset> take_due(Timestamp now, std::size_t count_max);
  // One of them after all not, or never: it has lapsed, or cannot be read any more.
  void put_back(Offset offset);
  void give_up(Offset offset);
  // These of it were appended, durably.
  void released(std::span<const Offset> offsets);
  // Ends the release: the others were not.
  void put_back();

 private:
  static constexpr std::size_t kHeldBytes = sizeof(HeldRecord);
  struct Taken {
    Timestamp due{};
    bool appended = false;
  };
  void push(const HeldRecord& held);
  void gone(Offset offset);

  std::vector<HeldRecord> heap_{};             // the earliest due in front
  std::unordered_map<Offset, Taken> taken_{};  // of the release under way; not in heap_
  std::vector<Offset> unmatched_{};  // appended again, perhaps still in heap_, until settle()
  std::optional<Offset> oldest_{};   // when it is known
};

}  // namespace bimip::engine
