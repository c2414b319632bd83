#include "frontend/config/endpoint.h"

#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace bimip::frontend {

std::optional<ListenEndpoint> parse_listen_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view address = text.substr(0, colon);
  const bool bracketed = address.starts_with('[') && address.ends_with(']');
  if (bracketed) address = address.substr(1, address.size() - 2);
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(address, error);
  if (error || ip.is_v6() != bracketed) return std::nullopt;
  ListenEndpoint endpoint{.address = std::string(address)};
  const std::string_view port = text.substr(colon + 1);
  const auto [end, fault] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (fault != std::errc{} || end != port.data() + port.size()) return std::nullopt;
  return endpoint;
}

bool is_loopback(const ListenEndpoint& endpoint) {
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(endpoint.address, error);
  return !error && ip.is_loopback();
}

std::string text_of(const ListenEndpoint& endpoint) {
  const bool is_v6 = endpoint.address.find(':') != std::string::npos;
  const std::string address = is_v6 ? "[" + endpoint.address + "]" : endpoint.address;
  return address + ":" + std::to_string(endpoint.port);
}

}  // namespace bimip::frontend
