// Mapped files whose bytes the device does not give. The kernel says so by a signal, which ends a
// process that does not take it: one unreadable sector would be the end of every partition, and of
// the next process too.
#pragma once

#include <cstddef>

#include "engine/base/bytes.h"

namespace bimip::engine {

// A page of a watched mapping that cannot be read reads as zeros from then on, and the mapping has
// failed: what was found in it counts for nothing. The first to watch takes SIGBUS for the process;
// signals of other addresses go to whoever had it before. Process-wide. Thread-safe.
class MappedPages {
 public:
  // As many as Linux lets a process have, unless it is told otherwise.
  static constexpr std::size_t kMappingsMax = 65'536;

  // A mapping of whole pages from its first byte on, until forget(). Answers its place.
  [[nodiscard]] static std::size_t watch(Bytes mapping);
  static void forget(std::size_t place);
  // Asked after the bytes were looked at.
  [[nodiscard]] static bool have_failed(std::size_t place);
};

}  // namespace bimip::engine
