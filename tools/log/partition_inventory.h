// One partition's folder: its identity, its manifest, its files.
#pragma once

#include "tools/log/inventory.h"

namespace bimip::log_tools {

struct PartitionRequest {
  Path folder{};
  std::optional<StoreId> store{};
  const CatalogTopic* config = nullptr;  // when the catalog knows the topic
  std::optional<PartitionId> number{};   // as the folder is named
  Holding holding = Holding::kHeld;
};

// Adds what is wrong with the manifest, and files that do not belong, to `findings`. kIo,
// kNotFound.
[[nodiscard]] Result<PartitionPlace> take_partition_inventory(const PartitionRequest& request,
                                                              std::vector<Finding>& findings);

// Names in a folder, sorted. kNotFound, kIo.
[[nodiscard]] Result<std::vector<std::string>> list_folder(const Path& folder);

}  // namespace bimip::log_tools
