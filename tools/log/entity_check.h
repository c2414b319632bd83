// What the files of entities say, compared with the blocks, with each other and with the manifest:
// the directories of sealed segments, the runs of the active one, the base.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "engine/device/device.h"
#include "engine/segment/entity_directories.h"
#include "tools/log/segment_check.h"

namespace bimip::log_tools {

// Of one partition. Files are mapped, so that memory does not grow with the entities; but for the
// runs of a segment that a server is writing. Thread-compatible.
class EntityCheck {
 public:
  using Report = std::function<void(Finding)>;
  EntityCheck(const PartitionPlace& place, Report report);
  ~EntityCheck();

  // That a sealed segment's directory is whole, of this segment, and in accord with itself.
  void open_directory(const SegmentPlace& segment);
  // The same of the runs that a checkpoint lists.
  void open_runs(const SegmentPlace& segment, const Checkpoint& checkpoint);
  // That they name exactly the records that were decoded.
  void compare(const SegmentPlace& segment, const EntityDigest& records);
  // That the base is whole where one is needed.
  void check_base();
  // That increments rise without a hole and that each record leads to the one before, from the
  // first directory to the last: when all of them could be opened. `records_gone`: how many offsets
  // of the segments hold no record.
  void check_chains(std::uint64_t records_gone);

 private:
  struct Opened;
  [[nodiscard]] bool is_live() const { return place_.holding == Holding::kLive; }
  [[nodiscard]] Result<Opened> map_runs(const Path& path, const SegmentIdentity& segment,
                                        std::span<const std::uint64_t> lengths) const;
  [[nodiscard]] static Result<Opened> read_runs(const Path& path, const SegmentIdentity& segment,
                                                std::span<const std::uint64_t> lengths);
  [[nodiscard]] bool continues_now(Epoch segment, const Checkpoint& checkpoint) const;
  [[nodiscard]] SegmentIdentity identity(Epoch epoch) const;
  [[nodiscard]] bool may_have_holes(std::uint64_t records_gone) const;

  const PartitionPlace& place_;
  const Report report_;
  const std::unique_ptr<Device> device_;
  std::map<Epoch, Opened> opened_;
  bool all_opened_ = true;
};

}  // namespace bimip::log_tools
