// Which program this is: its version, and its sources. For recordings, which another one may not
// replay.
#pragma once

#include <string_view>

namespace bimip::frontend {

// "0.1.0+" and a hash of what engine, frontend and proto are made of.
[[nodiscard]] std::string_view this_build();

}  // namespace bimip::frontend
