// Counts sealed segments into a partition's base of entities, and knows what only a base can tell.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/device/buffer_pool.h"
#include "engine/device/device.h"
#include "engine/entity/base_file.h"
#include "engine/format/manifest.h"

namespace bimip::engine {

// Stretches whose records, or some of them, are in no segment, above those that a base has counted
// in: below the first segment, and in those that were thinned. Nobody knows whose they were.
// Without a base `counted` is zero. Rising; neighbours are one.
[[nodiscard]] std::vector<LostRecords> forgotten_records(std::span<const ManifestSegment> segments,
                                                         Offset counted);
// Adds one of them, which does not begin before the others, as far as it is above `counted`.
void add_uncounted(std::vector<LostRecords>& to, OffsetRange offsets, Offset counted);

struct SegmentsFold {
  Path folder{};
  SegmentIdentity partition{};                  // its epoch is zero
  std::span<const ManifestSegment> segments{};  // as a manifest lists them
  std::shared_ptr<const BaseFile> base{};       // as it is; none when there is none
  Offset from{};                                // segments that end up to here are not looked at
  std::vector<LostRecords> lost{};              // beside those of segments that cannot be read
  Offset end{};                                 // of the new base
};
// fold_into_base() with the directories of the segments; one that is missing is made again.
// kNoSpace, kIo.
[[nodiscard]] Status fold_segments(Device& device, BufferPool& pool, SegmentsFold fold);

}  // namespace bimip::engine
