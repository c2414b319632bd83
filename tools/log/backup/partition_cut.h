// Ends a partition that was just written, and that no server knows of, before a point in time.
#pragma once

#include "engine/device/device.h"
#include "engine/format/manifest.h"
#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

struct PartitionCut {
  Path folder{};
  SegmentIdentity identity{};  // its epoch is zero
  Timestamp until{};
};
// Whether a log that ends before `until` needs this segment of the manifest: the files of one that
// it does not need may be missing.
[[nodiscard]] bool is_needed(const Manifest& manifest, std::size_t segment, Timestamp until);

// Nothing is there any more from the first record on that is not earlier than `until`: neither
// records, nor what is remembered of producers, nor derived files. Answers the log's end. Durable,
// but for the folder. kDamaged, kNoSpace, kIo: the folder is then in no known state.
[[nodiscard]] Result<Offset> cut_partition(Device& device, const PartitionCut& cut);

}  // namespace bimip::log_tools
