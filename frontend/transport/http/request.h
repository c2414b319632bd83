// An HTTP request's head, read by Beast; and what a handshake of RFC 6455 answers to one.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bimip::frontend {

struct HttpRequest {
  std::string method{};
  std::string path{};  // without query
  std::string host{};
  std::string origin{};
  bool wants_websocket = false;  // Upgrade, by RFC 6455's rules
  std::string websocket_version{};
  std::string websocket_key{};
  std::vector<std::string> subprotocols{};
  std::string
      token{};  // of Authorization; else, for browsers, of a subprotocol "bimip.token.TOKEN"
  std::size_t bytes = 0;  // of the head: what follows belongs to what comes next
};

// A whole head at the begin of `bytes`; nothing: it is not all there yet. Unexpected: no request,
// or one with a body; in words.
[[nodiscard]] std::expected<std::optional<HttpRequest>, std::string> parse_request(
    std::string_view bytes);

// Whether a page of this origin may open a session. None given: no browser. Its own server's: a
// page that it got from there, but only if it names it by address or as localhost. Whoever owns a
// name can serve a page under it and then have it lead here.
[[nodiscard]] bool is_allowed_origin(const HttpRequest& request,
                                     const std::vector<std::string>& allowed);

// Sec-WebSocket-Accept; empty when the key is none.
[[nodiscard]] std::string websocket_accept(std::string_view key);

}  // namespace bimip::frontend
