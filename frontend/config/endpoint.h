// An IP address and a port to listen on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bimip::frontend {

struct ListenEndpoint {
  std::string address;     // an IP address, without brackets
  std::uint16_t port = 0;  // 0: any that is free
};

// "ADDRESS:PORT", an IPv6 address in brackets. Nothing for other texts, and for names.
[[nodiscard]] std::optional<ListenEndpoint> parse_listen_endpoint(std::string_view text);
[[nodiscard]] bool is_loopback(const ListenEndpoint& endpoint);
// As parse_listen_endpoint reads it.
[[nodiscard]] std::string text_of(const ListenEndpoint& endpoint);

}  // namespace bimip::frontend
