// Which sealed segments a topic's retention lets go. Design: docs/design/retention.md.
#pragma once

#include <optional>

#include "engine/format/manifest.h"
#include "engine/format/topic_config.h"

namespace bimip::engine {

// Where the log should start: behind the oldest sealed segments whose newest record is past the
// retention's age, or without which the partition's files still take as much as they may
// (`active_bytes`: of the active one), and which end before a record that is still held, and before
// the floor. At least where it starts now.
struct RetentionBasis {
  Timestamp now{};
  std::uint64_t active_bytes = 0;
  std::optional<Offset> oldest_held{};
  Offset floor = kNoFloor;
};
[[nodiscard]] Offset retained_start(const Manifest& manifest, const TopicConfig& config,
                                    const RetentionBasis& basis);

}  // namespace bimip::engine
