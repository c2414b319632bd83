// Where the server is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace bimip::client {

using engine::Result;
using engine::Status;

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
};

// "HOST:PORT", "[IPV6]:PORT", or a host alone with the usual port. kInvalidArgument.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace bimip::client
