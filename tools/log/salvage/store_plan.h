// Sorts what was found by topic and partition, and decides what becomes of it. Page:
// docs/design/salvage.md.
#pragma once

#include "tools/log/salvage/partition_plan.h"

namespace bimip::log_tools {

struct TopicPlan {
  CatalogTopic topic{};
  bool has_config = true;  // else what is not known is as the engine chooses it
  bool has_name = true;    // else it is made up
  std::vector<PartitionPlan> partitions{};
  std::vector<PartitionId> vanished{};  // of which nothing at all was found
};

struct StorePlan {
  Catalog catalog{};
  bool has_catalog = true;
  std::vector<TopicPlan> topics{};
  std::vector<Doubt> strangers{};  // of another store, or of no topic or partition of this one
};

enum class Extent : std::uint8_t {
  kStore,  // what is missing is lost
  kPart,   // of a store; what is not there was not given
};

struct StoreEvidence {
  const Evidence& evidence;
  Path root{};
  Extent extent = Extent::kStore;
  std::optional<Catalog> catalog_above{};  // of the store that the root is a part of
};

// kNotFound when nothing of any store is there.
[[nodiscard]] Result<StorePlan> plan_store(const StoreEvidence& evidence);

}  // namespace bimip::log_tools
