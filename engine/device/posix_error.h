// The operating system's errors as the engine's.
#pragma once

#include <string_view>

#include "engine/device/device.h"

namespace bimip::engine {

// "PATH: cannot ACTION: No space left on device", under the code a caller reacts to.
Error posix_error(int number, std::string_view action, const Path& path);

inline std::unexpected<Error> fail_posix(int number, std::string_view action, const Path& path) {
  return std::unexpected(posix_error(number, action, path));
}

}  // namespace bimip::engine
