// The time of an input: sessions never look at a clock.
#pragma once

#include <chrono>

#include "engine/base/types.h"

namespace bimip::frontend {

struct Moment {
  std::chrono::nanoseconds monotonic{};
  engine::Timestamp wall{};
};

inline std::int64_t micros(engine::Timestamp time) { return time.time_since_epoch().count(); }

}  // namespace bimip::frontend
