// What was known of entities whose records retention had removed, carried into a salvaged
// partition.
#pragma once

#include "engine/device/device.h"
#include "tools/log/salvage/evidence.h"

namespace bimip::log_tools {

// A stretch of removed records of which nothing tells any more whose they were.
struct ForgottenKeys {
  LostRecords records{};
  bool is_known = false;  // an earlier loss, told then
};

// What there is of a base, and what is missing in it. Immutable.
class EntityBaseCopy {
 public:
  // `log_begin` is that of the first segment that there will be. Reads the file. kIo.
  [[nodiscard]] static Result<EntityBaseCopy> read(const SegmentIdentity& partition,
                                                   Offset log_begin, const FileEvidence* found);

  // Of records below the log's begin that nothing tells of, each may have been any entity's that
  // has none since: its next increment leaves out as many, so that none is given twice.
  [[nodiscard]] const std::vector<ForgottenKeys>& forgotten() const { return forgotten_; }
  // The base of a log that does not begin at 0, or had one; durable. kNoSpace, kIo.
  [[nodiscard]] Status write(Device& device, const Path& folder) const;

 private:
  [[nodiscard]] std::optional<EntityBaseView> view() const;
  [[nodiscard]] Offset known_until() const;
  void find_forgotten();

  SegmentIdentity partition_{};
  Offset log_begin_{};
  std::vector<std::byte> bytes_{};  // empty: none was found
  std::vector<ForgottenKeys> forgotten_{};
};

}  // namespace bimip::log_tools
