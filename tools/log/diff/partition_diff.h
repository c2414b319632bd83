// Compares two partitions.
#pragma once

#include "tools/log/diff/diff.h"

namespace bimip::log_tools {

struct PartitionPair {
  const Inventory& first_store;
  const PartitionPlace& first;
  const Inventory& second_store;
  const PartitionPlace& second;
};
struct PartitionComparison {
  PartitionDifference difference{};
  std::vector<Finding> findings{};
};
// kIo.
[[nodiscard]] Result<PartitionComparison> compare_partitions(const PartitionPair& pair);

}  // namespace bimip::log_tools
