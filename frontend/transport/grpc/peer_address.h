// Where a gRPC peer is.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string_view>

namespace bimip::frontend {

// Of "1.2.3.4:5" or "[::1]:5". What is neither is the unspecified address, which all such peers
// share.
[[nodiscard]] inline boost::asio::ip::address address_of_peer(std::string_view peer) {
  std::string_view host = peer.substr(0, peer.rfind(':'));
  if (host.starts_with('[')) host.remove_prefix(1);
  if (host.ends_with(']')) host.remove_suffix(1);
  boost::system::error_code error;
  return boost::asio::ip::make_address(host, error);
}

}  // namespace bimip::frontend
