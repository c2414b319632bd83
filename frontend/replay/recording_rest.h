// How a recording ends that does not say so itself. Normative page:
// docs/design/format-recording.md.
#pragma once

#include <cstdint>
#include <iosfwd>

namespace bimip::frontend {

// What stands behind the last block that a reader takes.
struct RecordingRest {
  enum class Kind : std::uint8_t {
    kNothing,  // it ends with a whole block
    kTorn,     // a part of a block, as a process or a machine leaves it that ended meanwhile
    kDamaged,  // what was written whole and is not any more
  };
  Kind kind = Kind::kNothing;
  std::uint64_t block = 0;  // the first one that is not whole
  std::uint64_t bytes = 0;  // from there to the end
};

// Reads all of it, from its beginning.
[[nodiscard]] RecordingRest rest_of(std::istream& recording);

}  // namespace bimip::frontend
