// Carries one partition over: reads the blocks of its plan, and writes them as a new partition.
#pragma once

#include <atomic>
#include <map>

#include "engine/device/device.h"
#include "tools/log/salvage/entity_base_copy.h"
#include "tools/log/salvage/partition_plan.h"

namespace bimip::log_tools {

// Keys named for one gap; more are only counted.
inline constexpr std::size_t kKeysNamedMax = 1000;

struct IncrementRange {
  IncrementId first{};
  IncrementId end{};
  friend bool operator==(const IncrementRange&, const IncrementRange&) = default;
};

struct GapReport {
  Gap gap{};
  // Entities whose later records continue one that was here, and which of their increments no
  // record has: they were here, in a gap before, or removed before anything was lost.
  std::map<std::string, IncrementRange> keys{};
  std::uint64_t keys_unnamed = 0;
  std::vector<std::pair<ProducerId, ProducerRun>> producers{};  // whose numbers were here
};

struct PartitionOutcome {
  std::uint64_t records = 0;
  std::uint64_t payload_bytes = 0;
  std::optional<Timestamp> oldest{};
  std::optional<Timestamp> newest{};
  std::vector<GapReport> gaps{};
  std::vector<ForgottenKeys> forgotten{};
};

struct PartitionTask {
  const Evidence& evidence;
  const PartitionPlan& plan;
  Timestamp now{};
  std::atomic<std::uint64_t>& bytes_done;
};
// Reads what would be carried over, and writes nothing. kIo, kDamaged (a block whose records cannot
// be read although its checksums hold).
[[nodiscard]] Result<PartitionOutcome> inspect_partition(const PartitionTask& task);

struct PartitionTarget {
  Device& device;
  Path folder{};  // is there, and empty
  std::uint64_t segment_bytes = 0;
};
// The same, and writes it: sealed segments, an empty active one, producers, losses, manifest, each
// durable. The folder's own name is not.
[[nodiscard]] Result<PartitionOutcome> write_partition(const PartitionTask& task,
                                                       const PartitionTarget& target);

}  // namespace bimip::log_tools
