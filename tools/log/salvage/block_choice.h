// Chooses among blocks that claim the same offsets.
#pragma once

#include <unordered_set>

#include "tools/log/salvage/partition_plan.h"

namespace bimip::log_tools {

struct Choice {
  std::map<Offset, Candidate> log{};  // by base offset, without overlap
  std::vector<Doubt> doubts{};
  std::uint64_t superseded = 0;
};

// Better standing first, later lives of a segment before earlier ones. Of two that contradict each
// other with the same standing the one that a later block or a table vouches for is taken; when
// that decides nothing, neither is.
[[nodiscard]] Choice choose_blocks(const PartitionEvidence& evidence);

}  // namespace bimip::log_tools
