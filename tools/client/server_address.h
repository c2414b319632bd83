// Where the server is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace bimip::client {

struct ServerAddress {
  std::string host{};
  std::uint16_t port = 0;
};

// "HOST:PORT"; an IPv6 address stands in brackets: "[::1]:7450". kInvalidArgument.
[[nodiscard]] engine::Result<ServerAddress> parse_server_address(std::string_view text);
[[nodiscard]] std::string text_of(const ServerAddress& address);

}  // namespace bimip::client
