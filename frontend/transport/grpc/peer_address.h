// Where a gRPC peer is.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string_view>

namespace bimip::frontend {

// Of "1.2.3.4:5", "[::1]:5" or, as gRPC writes it, "%5B::1%5D:5". What is none of these is the
// unspecified address, which all such peers share.
[[nodiscard]] inline boost::asio::ip::address address_of_peer(std::string_view peer) {
  std::string_view host = peer.substr(0, peer.rfind(':'));
  for (const std::string_view open : {"[", "%5B"}) {
    if (host.starts_with(open)) host.remove_prefix(open.size());
  }
  for (const std::string_view close : {"]", "%5D"}) {
    if (host.ends_with(close)) host.remove_suffix(close.size());
  }
  boost::system::error_code error;
  return boost::asio::ip::make_address(host, error);
}

}  // namespace bimip::frontend
