// What was known of entities whose records retention had removed, carried into a salvaged
// partition.
#pragma once

#include "engine/device/device.h"
#include "tools/log/salvage/evidence.h"

namespace bimip::log_tools {

struct EntityBaseTarget {
  Device& device;
  Path folder{};
  SegmentIdentity partition{};
  Offset log_begin{};  // of its first segment
};
// Writes the base of a log that does not begin at 0, or had one. Of records below the log's begin
// that nothing tells of, each may have been any entity's: no increment is given twice. kNoSpace,
// kIo.
[[nodiscard]] Status carry_entity_base(const EntityBaseTarget& target, const FileEvidence* found);

}  // namespace bimip::log_tools
