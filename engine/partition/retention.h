// Which sealed segments a topic's retention lets go. Design: docs/design/retention.md.
#pragma once

#include "engine/format/manifest.h"
#include "engine/format/topic_config.h"

namespace bimip::engine {

// Where the log should start: behind the oldest sealed segments whose newest record is past the
// retention's age, or without which the partition's files still take as much as they may
// (`active_bytes`: of the active one). At least where it starts now.
[[nodiscard]] Offset retained_start(const Manifest& manifest, const TopicConfig& config,
                                    Timestamp now, std::uint64_t active_bytes);

}  // namespace bimip::engine
