// XXH3 (Yann Collet's xxHash), the engine's only hash. Not a defence against forgery.
#pragma once

#include "engine/base/bytes.h"
#include "engine/base/types.h"

namespace bimip::engine {

std::uint64_t xxh3_64(Bytes bytes, std::uint64_t seed = 0);
Hash128 xxh3_128(Bytes bytes, std::uint64_t seed = 0);

}  // namespace bimip::engine
