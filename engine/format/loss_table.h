// The offsets that a salvage could not bring back: holes of the log that somebody knows of.
// Normative page: docs/design/format-tables.md.
#pragma once

#include <vector>

#include "engine/base/result.h"
#include "engine/format/commit_block.h"

namespace bimip::engine {

struct Loss {
  OffsetRange offsets{};    // never empty
  Timestamp recorded_at{};  // when it was found
  friend bool operator==(const Loss&, const Loss&) = default;
};

// In offset order, without overlap.
using LossTable = std::vector<Loss>;

[[nodiscard]] std::vector<std::byte> encode_losses(const SegmentIdentity& partition,
                                                   const LossTable& losses);
// kDamaged also when a range is empty or begins before the one in front of it ends.
[[nodiscard]] Result<LossTable> decode_losses(const SegmentIdentity& partition, Bytes file);

// Whether all of `offsets` is in the table.
[[nodiscard]] bool covers(const LossTable& losses, const OffsetRange& offsets);

}  // namespace bimip::engine
