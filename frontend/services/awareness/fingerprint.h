// A number for all that is seen of an entity.
#pragma once

#include <cstdint>

#include "frontend/services/awareness/awareness_types.h"

namespace bimip::frontend {

// What is seen as before is not told again: its coming would tell of what is hidden.
[[nodiscard]] std::uint64_t fingerprint_of(const Seen& seen);

}  // namespace bimip::frontend
