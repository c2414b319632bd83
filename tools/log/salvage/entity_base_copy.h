// What was known of entities whose records retention or compaction had removed, carried into a
// salvaged partition.
#pragma once

#include "engine/device/device.h"
#include "engine/format/manifest.h"
#include "tools/log/salvage/evidence.h"
#include "tools/log/salvage/partition_plan.h"

namespace bimip::log_tools {

// Where its first segment will begin.
[[nodiscard]] Offset log_begin(const PartitionPlan& plan);

// A stretch of removed records of which nothing tells any more whose they were.
struct ForgottenKeys {
  LostRecords records{};
  bool is_known = false;  // an earlier loss, told then
};

// What there is of a base, and what is missing in it. Immutable.
class EntityBaseCopy {
 public:
  // Reads the file that the plan has found. kIo.
  [[nodiscard]] static Result<EntityBaseCopy> read(const PartitionPlan& plan);

  // Of records that nothing tells of, each may have been any entity's that has none since: its next
  // increment leaves out as many, so that none is given twice.
  [[nodiscard]] const std::vector<ForgottenKeys>& forgotten() const { return forgotten_; }
  // The base of a log that needs one, or had one, and these segments now; durable. kNoSpace, kIo.
  [[nodiscard]] Status write(Device& device, const Path& folder,
                             std::span<const ManifestSegment> segments) const;

 private:
  [[nodiscard]] std::optional<EntityBaseView> view() const;
  [[nodiscard]] Offset counted() const;
  void find_forgotten(const PartitionPlan& plan);
  void forget(const LostRecords& lost);
  [[nodiscard]] Status write_until(Device& device, const Path& folder, Offset end) const;

  SegmentIdentity partition_{};
  Offset log_begin_{};
  std::vector<std::byte> bytes_{};  // empty: none was found
  std::vector<ForgottenKeys> forgotten_{};
  std::vector<LostRecords> lost_{};  // these, and those of which the gaps tell
};

}  // namespace bimip::log_tools
