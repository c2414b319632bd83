// Where a core of the node writes what it is told, in a server that records. Design:
// docs/design/replay.md.
#pragma once

#include <string_view>

#include "frontend/session/tape_event.h"

namespace bimip::frontend {

// Used by one thread at a time. Never fails its core: what can't be written is not recorded.
class CoreTape {
 public:
  virtual ~CoreTape() = default;
  virtual void write(TapeEvent event, std::string_view words) = 0;
  // What was written survives the process.
  virtual void flush() = 0;
  // Nothing follows.
  virtual void end() = 0;
  // Whether anything is written still.
  [[nodiscard]] virtual bool is_open() const = 0;
};

}  // namespace bimip::frontend
