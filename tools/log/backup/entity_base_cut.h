// What is known of entities, of a log that was cut.
#pragma once

#include <vector>

#include "engine/device/device.h"
#include "engine/format/manifest.h"

namespace bimip::log_tools {

struct EntityBaseCut {
  engine::Path folder{};
  engine::SegmentIdentity partition{};              // its epoch is zero
  std::vector<engine::ManifestSegment> before{};    // the manifest listed
  std::vector<engine::ManifestSegment> segments{};  // that are left
  engine::Offset end{};                             // of the log
};
// A base that counts in nothing behind the cut stays. Another one is made again out of what the
// directories of the segments say that are left: increments that were used are not used again. Of
// one that is damaged, or cannot be cut, only lost records are left. kNoSpace, kIo.
[[nodiscard]] engine::Status cut_entity_base(engine::Device& device, const EntityBaseCut& cut);

}  // namespace bimip::log_tools
