// A record as 128 bits: equal for equal records only.
#pragma once

#include "engine/format/record.h"
#include "tools/log/words.h"

namespace bimip::log_tools {

// Of everything it is, its offset among it; of its entity's chain only the increment, because what
// precedes it may be gone in one of two copies.
[[nodiscard]] Hash128 digest_of(const Record& record);

}  // namespace bimip::log_tools
