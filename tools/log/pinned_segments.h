// A prefix of a partition's log that stays readable while a server writes it.
#pragma once

#include "tools/log/inventory.h"

namespace bimip::log_tools {

// Opens the segments of `place`, as its manifest lists them, and ends growing ones where the prefix
// ends. The prefix has everything that was acknowledged before the manifest was read. A segment
// that was prepared and not begun is left out, of the manifest too. A file that is not there is
// left for the caller to judge. kIo.
[[nodiscard]] Status pin_segments(PartitionPlace& place);

}  // namespace bimip::log_tools
