// What a partition remembers of its producers, so that a retried publish is stored once. Format
// page: docs/design/format-tables.md; reasons: docs/design/retried-publish.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <span>
#include <unordered_map>

#include "engine/format/producer_state.h"
#include "engine/format/record.h"

namespace bimip::engine {

// Derived from the log: adding the same records in the same order gives the same answers.
// Bounded by the limits of engine/base/limits.h: producers, numbers a producer, keys, and idle
// time. Owner-thread only.
class ProducerTable {
 public:
  ProducerTable() = default;
  explicit ProducerTable(const ProducerState& state);

  enum class Known : std::uint8_t {
    kNew,         // not stored, as far as this table remembers
    kStored,      // stored, at `offset`
    kSuperseded,  // its producer has stored a later number, and whether it stored this one is not
                  // remembered
  };
  struct Answer {
    Known known = Known::kNew;
    Offset offset;
  };
  [[nodiscard]] Answer look(const RecordFields& record, Timestamp now) const;
  // The producer was answered all its numbers below this one and sends none of them again: they may
  // be forgotten, but for the newest run.
  void settle(const ProducerId& producer, ProducerNumber below);
  // The record is in the log at `offset`. Records come in offset order. Those that were released
  // are not a producer's.
  void add(const RecordFields& record, Offset offset, Timestamp now);

  // Forgets the idempotency keys of the records at these offsets, which rise.
  void forget_keys(std::span<const Offset> offsets);

  [[nodiscard]] ProducerState snapshot() const;
  // What a snapshot would take, encoded; an estimate that is never far off.
  [[nodiscard]] std::size_t snapshot_bytes() const;

 private:
  struct Producer {
    ProducerId id;
    Timestamp last_seen{};
    std::deque<ProducerRun> runs;
    std::uint64_t numbers = 0;  // in runs
  };

  void add_number(const ProducerMark& mark, Offset offset, Timestamp now);
  void add_key(Hash128 key, Offset offset, Timestamp now);
  void drop_oldest_run(Producer& producer);
  void forget_idle(Timestamp now);

  std::list<Producer> producers_;  // least recently seen first
  std::unordered_map<ProducerId, std::list<Producer>::iterator> by_id_;
  std::size_t runs_ = 0;
  std::deque<IdempotencyEntry> keys_;  // oldest first
  std::unordered_map<Hash128, std::pair<Offset, Timestamp>> by_key_;
};

// The same of a snapshot; whether there was one of them.
bool forget_keys(ProducerState& state, std::span<const Offset> offsets);

}  // namespace bimip::engine
