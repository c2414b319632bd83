// How much of a segment that may be growing is a consistent prefix of the log.
#pragma once

#include "engine/format/log_tail.h"
#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

struct ActivePrefix {
  FilePosition end{};       // the prefix is the file's bytes [0, end)
  Offset next_offset{};     // behind its last record
  bool has_header = false;  // its header holds and is of this segment
  std::string damage{};     // bytes in it that are no good block although they were durable
};
// Reads every block. A block that was on its way while it was looked for is looked for again; one
// that never comes ends the prefix, unless a later block knows that it was durable. kNotFound, kIo.
[[nodiscard]] Result<ActivePrefix> measure_active(const Path& path,
                                                  const SegmentIdentity& identity);
[[nodiscard]] Result<ActivePrefix> measure_active(const ReadOnlyFile& file,
                                                  const SegmentIdentity& identity);

}  // namespace bimip::log_tools
