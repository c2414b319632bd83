// What the log remembers so that a retried publish is stored once, and a held record delivered
// once. Normative page:
// docs/design/format-tables.md.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/result.h"
#include "engine/format/commit_block.h"
#include "engine/format/log_tail.h"
#include "engine/format/segment_index.h"

namespace bimip::engine {

// Numbers [first_number, first_number + count) of a producer are at offsets [first_offset,
// first_offset + count).
struct ProducerRun {
  ProducerNumber first_number{};
  Offset first_offset{};
  std::uint64_t count = 0;
  friend bool operator==(const ProducerRun&, const ProducerRun&) = default;
};

struct ProducerEntry {
  ProducerId id{};
  Timestamp last_seen{};
  std::vector<ProducerRun> runs{};  // oldest first, not empty, numbers increasing
  friend bool operator==(const ProducerEntry&, const ProducerEntry&) = default;
};

struct IdempotencyEntry {
  Hash128 key{};  // XXH3-128 of the application's key
  Offset offset{};
  Timestamp stored_at{};
  friend bool operator==(const IdempotencyEntry&, const IdempotencyEntry&) = default;
};

// A record that is held until its time, and was not appended again yet.
struct HeldRecord {
  Timestamp due{};
  Offset offset{};
  friend auto operator<=>(const HeldRecord&, const HeldRecord&) = default;
};

struct ProducerState {
  std::vector<ProducerEntry> producers{};
  std::vector<IdempotencyEntry> idempotency_keys{};  // oldest first
  std::vector<HeldRecord> held{};                    // in any order
  friend bool operator==(const ProducerState&, const ProducerState&) = default;
};

[[nodiscard]] std::vector<std::byte> encode_producer_state(const SegmentIdentity& segment,
                                                           const ProducerState& state);
[[nodiscard]] Result<ProducerState> decode_producer_state(const SegmentIdentity& segment,
                                                          Bytes file);

// A durable prefix of the active segment, so that opening reads only what came after it.
struct Checkpoint {
  LogTail tail{};          // behind the last block it covers
  SegmentTotals totals{};  // of the blocks it covers
  std::vector<IndexEntry> index{};
  ProducerState producers{};
  // Lengths of the directories in the segment's file of entity runs, which together hold every
  // entity's record before `tail`.
  std::vector<std::uint64_t> entity_runs{};
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

[[nodiscard]] std::vector<std::byte> encode_checkpoint(const SegmentIdentity& segment,
                                                       const Checkpoint& checkpoint);
[[nodiscard]] Result<Checkpoint> decode_checkpoint(const SegmentIdentity& segment, Bytes file);

}  // namespace bimip::engine
