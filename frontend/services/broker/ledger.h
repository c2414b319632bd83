// The records of one partition that a subscriber has and has not acknowledged.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/types.h"

namespace bimip::frontend {

// Consecutive offsets, each a record, delivered so many times.
struct DeliveredRange {
  engine::OffsetRange offsets{};
  std::uint32_t deliveries = 1;
  friend bool operator==(const DeliveredRange&, const DeliveredRange&) = default;
};

// A pure state machine. Its size is bounded by its user's credit. Invariants: ranges rise and do
// not overlap; an acknowledged record is never due again. Thread-compatible.
class Ledger {
 public:
  using Time = std::chrono::nanoseconds;
  static constexpr Time kNever = Time::max();

  // Delivered for the first time, in offset order; due for another time from `due` on.
  void deliver(engine::Offset offset, Time due, std::uint32_t deliveries = 1);
  // Delivered once more: those of the range that are still due.
  void deliver_again(engine::OffsetRange offsets, Time due);

  // Each answers how many records it freed. Those that are not here are not counted.
  std::uint64_t acknowledge(engine::OffsetRange offsets);
  // To be delivered once more from `due` on; answers how many records are.
  std::uint64_t reject(engine::OffsetRange offsets, Time due);

  // The lowest range that is due. Looks at the ranges only once something can be due.
  [[nodiscard]] std::optional<DeliveredRange> next_due(Time now);
  // Nothing is due before; kNever when nothing becomes due by itself.
  [[nodiscard]] Time next_time() const { return next_time_; }

  // The lowest record that is not acknowledged.
  [[nodiscard]] std::optional<engine::Offset> lowest() const;
  [[nodiscard]] bool is_empty() const { return entries_.empty(); }
  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] std::vector<DeliveredRange> ranges() const;

 private:
  struct Entry {
    engine::OffsetRange offsets{};
    Time due{};
    std::uint32_t deliveries = 1;
  };
  // Makes an entry begin at `at` if one reaches across it.
  void split(engine::Offset at);
  [[nodiscard]] std::deque<Entry>::iterator first_from(engine::Offset at);

  std::deque<Entry> entries_{};
  std::uint64_t records_ = 0;
  Time next_time_ = kNever;  // at most the earliest `due` of the entries
};

}  // namespace bimip::frontend
