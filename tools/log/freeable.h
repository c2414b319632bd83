// What retention, compaction and the bounds on keys' records would take of a partition now.
#pragma once

#include "engine/device/device.h"
#include "tools/log/inventory.h"

namespace bimip::log_tools {

struct Freeable {
  // Whole segments, by age or by bytes.
  std::uint64_t retention_segments = 0;
  std::uint64_t retention_records = 0;
  std::uint64_t retention_bytes = 0;
  // Of those that stay: records that are superseded, too many or too old for their key. Counted by
  // the directories of entities; bytes by each segment's mean record.
  std::uint64_t superseded_records = 0;
  std::uint64_t superseded_bytes = 0;
  bool waits_for_cursors = false;  // at most so much: how far consumers are, the server knows

  [[nodiscard]] std::uint64_t bytes() const { return retention_bytes + superseded_bytes; }
};

// Reads the manifest's figures and directories, no records. A directory that is missing or wrong
// has its segment counted as one of which nothing goes. `active_bytes`: of the active segment. kIo.
[[nodiscard]] Result<Freeable> take_freeable(Device& device, const PartitionPlace& place,
                                             Timestamp now, std::uint64_t active_bytes);
void add(Freeable& sum, const Freeable& part);

}  // namespace bimip::log_tools
