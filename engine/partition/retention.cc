#include "engine/partition/retention.h"

#include <algorithm>

namespace bimip::engine {

Offset retained_start(const Manifest& manifest, const TopicConfig& config,
                      const RetentionBasis& basis) {
  std::uint64_t bytes = basis.active_bytes;
  for (const ManifestSegment& segment : manifest.segments) bytes += segment.file_bytes;
  Offset start = manifest.log_start;
  for (const ManifestSegment& segment : manifest.segments) {
    if (segment.state != SegmentState::kSealed) break;
    if (basis.oldest_held && segment.end_offset > *basis.oldest_held) break;
    if (segment.end_offset > basis.floor) break;
    const bool too_old = config.retention_age != config.retention_age.zero() &&
                         segment.last_timestamp + config.retention_age <= basis.now;
    const bool too_much =
        config.retention_bytes != 0 && bytes - segment.file_bytes >= config.retention_bytes;
    if (!too_old && !too_much) break;
    bytes -= segment.file_bytes;
    start = std::max(start, segment.end_offset);
  }
  return start;
}

}  // namespace bimip::engine
