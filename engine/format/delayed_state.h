// The records of a partition that are held back until their time. Normative page:
// docs/design/expiry.md.
#pragma once

#include <vector>

#include "engine/base/result.h"
#include "engine/format/commit_block.h"

namespace bimip::engine {

// Who publishes a record whose time has come, under the offset it was held at. Nobody else may.
inline constexpr ProducerId kReleaseProducer{.high = 0x62696D69702D7265, .low = 0x6C65617365730000};

struct DelayedRecord {
  Timestamp due{};
  Offset offset{};  // where it is held
  friend auto operator<=>(const DelayedRecord&, const DelayedRecord&) = default;
};

struct DelayedState {
  Offset upto{};  // what the log holds below this offset is accounted for
  std::vector<DelayedRecord> records{};
  friend bool operator==(const DelayedState&, const DelayedState&) = default;
};

[[nodiscard]] std::vector<std::byte> encode_delayed_state(const SegmentIdentity& partition,
                                                          const DelayedState& state);
[[nodiscard]] Result<DelayedState> decode_delayed_state(const SegmentIdentity& partition,
                                                        Bytes file);

}  // namespace bimip::engine
