// Bytes as `hexdump -C` prints them, and back: how the design pages show them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/result.h"

namespace bimip::testing {

// Sixteen bytes a line behind their position; "*" for lines like the one before it; at last the
// length alone.
std::string hex_dump(engine::Bytes bytes);

// kInvalidArgument, naming the line, when it is no such dump.
engine::Result<std::vector<std::byte>> parse_hex_dump(std::string_view dump);

}  // namespace bimip::testing
