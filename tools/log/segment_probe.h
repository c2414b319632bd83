// Whose segment a file is, told from its own bytes.
#pragma once

#include <optional>

#include "engine/format/segment_header.h"
#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

struct Probe {
  std::optional<SegmentIdentity> identity{};  // of its header, else of its first block that holds
  std::optional<Offset> base_offset{};        // likewise
  std::optional<SegmentFooter> footer{};      // in its last sector, and of the same identity
  bool has_header = false;
  bool has_block = false;
  bool all_zero = true;  // as far as it was read: to the first block, else to the end
};
// kNotFound, kInvalidArgument (no file), kIo.
[[nodiscard]] Result<Probe> probe_segment(const Path& path);

}  // namespace bimip::log_tools
