// A partition's segments. Normative page: docs/design/format-tables.md.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "engine/format/commit_block.h"

namespace bimip::engine {

enum class SegmentState : std::uint8_t {
  kSealed = 1,
  kActive = 2,
  kPrepared =
      3,  // made ahead for the next roll; it is the active one as soon as it holds a valid header
};

struct ManifestSegment {
  Epoch epoch{};
  SegmentState state = SegmentState::kActive;
  Offset base_offset{};  // sealed and active
  Offset end_offset{};   // sealed; else zero, as are the fields below
  std::uint64_t file_bytes = 0;
  std::uint64_t record_count = 0;
  std::uint64_t record_bytes = 0;
  Timestamp first_timestamp{};
  Timestamp last_timestamp{};
  Hash128 last{};              // the next segment continues this ...
  BlockNumber end_block{};     // ... and begins with this block
  std::uint32_t rewrites = 0;  // how often it was written anew
  Timestamp cleaned_at{};      // when its topic's compaction first went over it; zero: not yet
  friend bool operator==(const ManifestSegment&, const ManifestSegment&) = default;
};

// Whether it was written anew without some of its records, or with a gap. Whose they were, the base
// of entities tells: it counts in every record up to the segment's end.
[[nodiscard]] inline bool is_thinned(const ManifestSegment& segment) {
  return segment.rewrites > 0 && segment.record_count < segment.end_offset - segment.base_offset;
}

// Sealed segments in offset order, then exactly one active one, then at most one prepared one. A
// rewritten segment has a later epoch than its neighbours: epochs differ, they do not rise.
struct Manifest {
  SegmentIdentity partition{};  // its epoch is zero
  std::uint64_t version = 1;    // one more at every change
  Epoch next_epoch{1};
  Offset log_start{};
  // EPOCH.producers is what is remembered of producers at the end of the sealed segments; zero:
  // there is none yet. It outlives the segment of its epoch.
  Epoch producers{};
  std::vector<ManifestSegment> segments{};
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

[[nodiscard]] std::vector<std::byte> encode_manifest(const Manifest& manifest);
// Checks the order, the states, the epochs and that sealed offsets are contiguous: kDamaged
// otherwise.
[[nodiscard]] Result<Manifest> decode_manifest(const SegmentIdentity& partition, Bytes file);

}  // namespace bimip::engine
