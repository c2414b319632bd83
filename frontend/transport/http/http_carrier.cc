#include "frontend/transport/http/http_carrier.h"

#include <algorithm>
#include <utility>

#include "frontend/stanza/limits.h"
#include "frontend/transport/http/request.h"
#include "frontend/transport/websocket/websocket_carrier.h"

namespace bimip::frontend {
namespace {

constexpr std::string_view kWebSocketPath = "/";
constexpr std::string_view kWebSocketVersion = "13";

std::string_view reason_of(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 426:
      return "Upgrade Required";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

HttpPage words(unsigned status, std::string text) {
  return {.status = status, .body = std::move(text) + "\n"};
}

std::optional<WebSocketEncoding> choose_encoding(const std::vector<std::string>& offered) {
  for (const std::string& subprotocol : offered) {  // the client's first choice
    if (subprotocol == kBinarySubprotocol) return WebSocketEncoding::kBinary;
    if (subprotocol == kJsonSubprotocol) return WebSocketEncoding::kJson;
  }
  return std::nullopt;
}

std::string switching_protocols(std::string_view accept, WebSocketEncoding encoding) {
  std::string answer =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: ";
  answer.append(accept).append("\r\nSec-WebSocket-Protocol: ");
  answer.append(encoding == WebSocketEncoding::kJson ? kJsonSubprotocol : kBinarySubprotocol);
  return answer.append("\r\n\r\n");
}

// Why there is no session for it; nothing: there is one.
std::optional<HttpPage> fault_of(const HttpRequest& request,
                                 const std::vector<std::string>& origins) {
  if (request.path != kWebSocketPath) return words(404, "the WebSocket is at /");
  if (request.websocket_version != kWebSocketVersion)
    return words(426, "this server speaks version 13 of the WebSocket protocol");
  if (websocket_accept(request.websocket_key).empty())
    return words(400, "Sec-WebSocket-Key is not 16 bytes in base64");
  if (!is_allowed_origin(request, origins))
    return words(403, "pages from this Origin may not connect: see http_origins");
  if (!choose_encoding(request.subprotocols))
    return words(400, "Sec-WebSocket-Protocol must offer bimip.v1 or bimip.v1.json");
  return std::nullopt;
}

}  // namespace

HttpCarrier::HttpCarrier(const HttpService& service, SessionHost& host, Moment now)
    : service_(service), host_(host), began_(now.monotonic) {}

void HttpCarrier::on_bytes(std::span<char> bytes, Moment now) {
  if (answered_) return;
  const std::size_t room = limits::kHttpHeadBytesMax - input_.size();
  const std::size_t taken = std::min(room, bytes.size());
  input_.append(bytes.data(), taken);
  auto request = parse_request(input_);
  if (!request) return answer(words(400, request.error()), true);
  if (!*request) {
    if (input_.size() < limits::kHttpHeadBytesMax) return;
    return answer(words(431, "the head of a request has at most 8 KiB"), true);
  }
  const HttpRequest& asked = **request;
  if (asked.wants_websocket) {
    if (auto fault = fault_of(asked, service_.origins)) return answer(std::move(*fault), true);
    const WebSocketEncoding encoding = *choose_encoding(asked.subprotocols);
    std::shared_ptr<Session> session = service_.session(host_, framing_of(encoding), now);
    if (!asked.token.empty()) session->set_carried_token(asked.token);
    successor_ = std::make_unique<WebSocketCarrier>(
        std::move(session), encoding,
        switching_protocols(websocket_accept(asked.websocket_key), encoding));
    std::string early = input_.substr(asked.bytes);
    successor_->on_bytes(early, now);
    if (taken < bytes.size()) successor_->on_bytes(bytes.subspan(taken), now);
    return;
  }
  const bool with_body = asked.method != "HEAD";
  if (asked.method != "GET" && with_body) return answer(words(405, "GET and HEAD only"), with_body);
  answer(service_.page(asked.path, asked.token), with_body);
}

void HttpCarrier::answer(HttpPage page, bool with_body) {
  output_.append("HTTP/1.1 ").append(std::to_string(page.status)).append(" ");
  output_.append(reason_of(page.status)).append("\r\nContent-Type: ").append(page.content_type);
  output_.append("\r\nContent-Length: ").append(std::to_string(page.body.size()));
  if (page.status == 401) output_.append("\r\nWWW-Authenticate: Bearer");
  if (page.status == 405) output_.append("\r\nAllow: GET, HEAD");
  if (page.status == 426) output_.append("\r\nSec-WebSocket-Version: 13");
  output_.append("\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n");
  if (with_body) output_.append(page.body);
  answered_ = true;
  std::string().swap(input_);
}

void HttpCarrier::on_tick(Moment now) {
  if (!answered_ && now.monotonic - began_ >= limits::kHttpRequestWithin)
    answer(words(408, "no whole request within 5 s"), true);
}

std::string HttpCarrier::take_output() { return std::exchange(output_, {}); }

std::unique_ptr<Carrier> HttpCarrier::take_successor() { return std::move(successor_); }

}  // namespace bimip::frontend
