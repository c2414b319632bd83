// How far the online check of a store's sealed segments has come, and what it found. Normative
// page: docs/design/format-scrub.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/format/commit_block.h"

namespace bimip::engine {

struct ScrubbedSegment {
  SegmentIdentity segment{};
  Timestamp verified_at{};  // all of it was read then
  friend bool operator==(const ScrubbedSegment&, const ScrubbedSegment&) = default;
};

struct ScrubFinding {
  SegmentIdentity segment{};
  FilePosition from{};  // damaged bytes: [from, end)
  FilePosition end{};
  OffsetRange offsets{};  // that cannot be read; empty when no record was there
  Timestamp found_at{};
  std::string why{};
  friend bool operator==(const ScrubFinding&, const ScrubFinding&) = default;
};

struct ScrubState {
  std::vector<ScrubbedSegment> segments{};
  std::vector<ScrubFinding> findings{};
  friend bool operator==(const ScrubState&, const ScrubState&) = default;
};

[[nodiscard]] std::vector<std::byte> encode_scrub_state(const StoreId& store,
                                                        const ScrubState& state);
[[nodiscard]] Result<ScrubState> decode_scrub_state(const StoreId& store, Bytes file);

}  // namespace bimip::engine
