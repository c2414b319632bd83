// Where the server is, and what is shown to it.
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
  // TLS, its certificate checked with the authorities of this PEM file; empty: the machine's.
  bool tls = false;
  std::string ca_file{};
  // What says who the client is. The file is read for every connection, and again when the server
  // warns that the token is at its end; it goes over `token`. Neither: a server with --dev.
  std::string token{};
  std::string token_file{};
  // Who the client says it is; empty: as the token says, or "bimip" on a server with --dev.
  std::string eid{};
  std::string device{};
};

// The token to show now; empty: none. kIo when the file cannot be read.
[[nodiscard]] Result<std::string> token_of(const Endpoint& endpoint);

// "HOST:PORT", "[IPV6]:PORT", or a host alone with the usual port. kInvalidArgument.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace bimip::client
