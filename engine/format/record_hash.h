// Records as 128 bits, to be compared without keeping them.
#pragma once

#include "engine/format/record.h"

namespace bimip::engine {

// `before` mixed with everything of the record: equal for equal sequences of records only. Made and
// compared by one process; never stored.
[[nodiscard]] Hash128 mix(const Hash128& before, const Record& record);

}  // namespace bimip::engine
