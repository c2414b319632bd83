// The seam to time. Everything in the engine that needs to know the time is given a Clock.
#pragma once

#include <chrono>

#include "engine/base/types.h"

namespace bimip::engine {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time; may step in either direction.
  [[nodiscard]] virtual Timestamp now() const = 0;
  // Never goes back.
  [[nodiscard]] virtual std::chrono::nanoseconds monotonic() const = 0;
};

// The machine's clocks. Lives for the whole program.
const Clock& system_clock();

}  // namespace bimip::engine
