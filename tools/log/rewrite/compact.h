// Compaction of a store that no server holds: what the engine does in the background, at once.
// Design: docs/design/compaction.md.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/device/buffer_pool.h"
#include "engine/device/device.h"
#include "tools/log/inventory.h"

namespace bimip::log_tools {

// Of the sealed segments of a partition.
struct SealedSize {
  std::uint64_t segments = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
};

struct CompactedPartition {
  std::string topic{};
  PartitionId partition{};
  SealedSize before{};
  SealedSize after{};
  std::vector<std::string> left_alone{};  // segments that cannot be written anew, and why
};

// What would be left, without writing anything: bytes are an estimate by each segment's mean
// record. A partition without a manifest stays as it is. kIo.
[[nodiscard]] Result<CompactedPartition> foresee_compaction(Device& device, BufferPool& pool,
                                                            const PartitionPlace& place,
                                                            Timestamp now);

struct CompactTask {
  Path folder{};  // of the partition, in a store that is ours alone
  CatalogTopic topic{};
  SegmentIdentity partition{};  // its epoch is zero
  Timestamp now{};
};
// Recovers the partition as a server would, then writes anew what compaction, the bounds on keys'
// records, or sparse files call for. Durable when it returns. kDamaged: no manifest that can be
// believed; kNoSpace, kIo.
[[nodiscard]] Result<CompactedPartition> compact_partition(Device& device, BufferPool& pool,
                                                           const CompactTask& task);

}  // namespace bimip::log_tools
