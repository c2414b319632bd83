#include "tools/client/server_address.h"

#include <charconv>

namespace bimip::client {

using engine::ErrorCode;

engine::Result<ServerAddress> parse_server_address(std::string_view text) {
  const auto wrong = [&] {
    return engine::fail(ErrorCode::kInvalidArgument,
                        "'" + std::string(text) + "' is not HOST:PORT");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong();
  }
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0) return wrong();
  if (host.empty()) return wrong();
  return ServerAddress{.host = std::string(host), .port = port};
}

std::string text_of(const ServerAddress& address) {
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace bimip::client
