// The proof of an erasure over a whole store that nobody writes to. Design: docs/design/erasure.md.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "engine/partition/erasure_proof.h"
#include "tools/log/inventory.h"

namespace bimip::log_tools {

struct StoreProof {
  ErasureReport topic{};  // of the partitions of the topic: nothing may be left
  // Of other topics and of the store's own tables, how many places have something of the key.
  std::map<std::string, std::uint64_t> elsewhere{};
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
};

// Reads every byte of every file of the store. kDamaged (a manifest), kIo.
[[nodiscard]] Result<StoreProof> prove_erased(Device& device, const Inventory& store,
                                              const std::string& topic, const std::string& key);

}  // namespace bimip::log_tools
