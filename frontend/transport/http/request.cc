#include "frontend/transport/http/request.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <utility>

#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

namespace http = boost::beast::http;

// RFC 6455, 1.3.
constexpr std::string_view kWebSocketGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::string_view kBearer = "Bearer ";
constexpr std::string_view kTokenSubprotocol = "bimip.token.";
constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kKeyTextBytes = 24;

std::string text_of(boost::beast::string_view view) { return {view.data(), view.size()}; }

std::string base64(const unsigned char* bytes, std::size_t count) {
  std::string text((count + 2) / 3 * 4 + 1, '\0');  // it writes a zero behind it
  const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes,
                                      static_cast<int>(count));
  text.resize(static_cast<std::size_t>(written));
  return text;
}

std::string token_of(std::string_view authorization, const std::vector<std::string>& subprotocols) {
  if (authorization.starts_with(kBearer)) return std::string(authorization.substr(kBearer.size()));
  for (const std::string& subprotocol : subprotocols) {
    if (subprotocol.starts_with(kTokenSubprotocol))
      return subprotocol.substr(kTokenSubprotocol.size());
  }
  return {};
}

// Of "host", "host:port" and "[v6]:port": whether the host is an address, or this machine by name.
bool is_by_address(std::string_view host) {
  const std::size_t port = host.rfind(':');
  if (port != std::string_view::npos && host.find(']', port) == std::string_view::npos)
    host = host.substr(0, port);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  return !error || host == "localhost";
}

bool is_key(std::string_view key) {
  if (key.size() != kKeyTextBytes) return false;
  std::array<unsigned char, kKeyTextBytes / 4 * 3> decoded{};
  const int bytes =
      EVP_DecodeBlock(decoded.data(), reinterpret_cast<const unsigned char*>(key.data()),
                      static_cast<int>(key.size()));
  // It does not count the padding off.
  return std::cmp_equal(bytes, decoded.size()) && base64(decoded.data(), kKeyBytes) == key;
}

}  // namespace

std::expected<std::optional<HttpRequest>, std::string> parse_request(std::string_view bytes) {
  http::request_parser<http::empty_body> parser;
  parser.header_limit(limits::kHttpHeadBytesMax);
  boost::system::error_code error;
  const std::size_t used = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error == http::error::need_more) return std::nullopt;
  if (error) return std::unexpected(error.message());
  if (!parser.is_header_done()) return std::nullopt;
  if (!parser.is_done()) return std::unexpected("the request has a body");
  const auto& message = parser.get();
  HttpRequest request;
  request.method = text_of(message.method_string());
  request.path = text_of(message.target());
  request.path.resize(std::min(request.path.size(), request.path.find('?')));
  request.host = text_of(message[http::field::host]);
  request.origin = text_of(message[http::field::origin]);
  request.wants_websocket = boost::beast::websocket::is_upgrade(message);
  request.websocket_version = text_of(message[http::field::sec_websocket_version]);
  request.websocket_key = text_of(message[http::field::sec_websocket_key]);
  const auto lists = message.equal_range(http::field::sec_websocket_protocol);
  for (auto field = lists.first; field != lists.second; ++field) {
    for (const auto& token : http::token_list(field->value()))
      request.subprotocols.push_back(text_of(token));
  }
  request.token = token_of(text_of(message[http::field::authorization]), request.subprotocols);
  request.bytes = used;
  return request;
}

bool is_allowed_origin(const HttpRequest& request, const std::vector<std::string>& allowed) {
  if (request.origin.empty()) return true;
  const std::size_t scheme = request.origin.find("://");
  if (scheme != std::string::npos && request.origin.substr(scheme + 3) == request.host &&
      is_by_address(request.host)) {
    return true;
  }
  return std::ranges::any_of(
      allowed, [&](const std::string& one) { return one == "*" || one == request.origin; });
}

std::string websocket_accept(std::string_view key) {
  if (!is_key(key)) return {};
  const std::string joined = std::string(key).append(kWebSocketGuid);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(joined.data()), joined.size(), digest.data());
  return base64(digest.data(), digest.size());
}

}  // namespace bimip::frontend
