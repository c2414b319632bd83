// Connection: what is said on it, and whether who says it is there still.
#include <algorithm>

#include "bimip/v1/stanza.pb.h"
#include "engine/base/clock.h"
#include "frontend/stanza/codes.h"
#include "tools/client/connection.h"

namespace bimip::client {
namespace {

using engine::ErrorCode;

// Of a TokenRefresh, whose answer is nobody else's.
constexpr std::uint64_t kRefreshId = UINT64_MAX;

std::unexpected<engine::Error> gone(const std::string& why) {
  return engine::fail(ErrorCode::kIo, why);
}

frontend::Moment now() {
  const engine::Clock& clock = engine::system_clock();
  return {.monotonic = clock.monotonic(), .wall = clock.now()};
}

}  // namespace

ErrorCode error_code_of(std::uint32_t wire_code) {
  switch (static_cast<frontend::Code>(wire_code)) {
    case frontend::Code::kNotFound:
      return ErrorCode::kNotFound;
    case frontend::Code::kAlreadyExists:
      return ErrorCode::kAlreadyExists;
    case frontend::Code::kTooLarge:
      return ErrorCode::kTooLarge;
    case frontend::Code::kOutOfRange:
      return ErrorCode::kOutOfRange;
    case frontend::Code::kDataLoss:
      return ErrorCode::kDamaged;
    case frontend::Code::kResourceExhausted:
      return ErrorCode::kBusy;
    case frontend::Code::kNoSpace:
      return ErrorCode::kNoSpace;
    case frontend::Code::kDegraded:
      return ErrorCode::kDegraded;
    case frontend::Code::kSuperseded:
      return ErrorCode::kSuperseded;
    case frontend::Code::kTooManyHeld:
      return ErrorCode::kTooManyHeld;
    case frontend::Code::kUnavailable:
    case frontend::Code::kTimeout:
      return ErrorCode::kIo;
    default:
      return ErrorCode::kInvalidArgument;
  }
}

Status Connection::identify(const ProducerIdentity& producer, Clock::time_point until) {
  output_.append(frontend::kPreface);
  v1::Stanza stanza;
  v1::Identity& identity = *stanza.mutable_identity();
  identity.set_protocol_version(frontend::kProtocolVersion);
  Result<std::string> token = token_of(endpoint_);
  if (!token) return std::unexpected(std::move(token.error()));
  token_ = *token;
  identity.set_token(token_);
  identity.set_eid(endpoint_.eid);
  if (token_.empty() && endpoint_.eid.empty()) identity.set_eid("bimip");
  identity.set_device(endpoint_.device);
  identity.set_client("bimip");
  identity.set_producer_id(producer.id);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
  Result<v1::Stanza> answer = ask(std::move(stanza), left);
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (!answer->has_welcome()) return gone("the server did not say Welcome");
  const v1::Welcome& welcome = answer->welcome();
  server_ = {.session_id = welcome.session_id(),
             .message_bytes_max = welcome.limits().message_bytes_max(),
             .publishes_in_flight_max = welcome.limits().publishes_in_flight_max(),
             .credit_max = welcome.limits().credit_max(),
             .heartbeat = std::chrono::milliseconds(welcome.heartbeat_ms())};
  if (server_.heartbeat > 0ms) heartbeat_.emplace(now().monotonic);
  return {};
}

void Connection::heard() {
  if (heartbeat_) heartbeat_->heard(now().monotonic);
}

// After what came was read. A Ping goes with the next exchange.
Status Connection::look_for_life() {
  if (!heartbeat_) return {};
  const frontend::Moment at = now();
  switch (heartbeat_->next(at, {.least = server_.heartbeat, .most = server_.heartbeat})) {
    case frontend::Heartbeat::Due::kNothing:
      return {};
    case frontend::Heartbeat::Due::kGone:
      return gone("the server does not answer: nothing has come from it for two heartbeats (" +
                  std::to_string(2 * server_.heartbeat.count()) + " ms)");
    case frontend::Heartbeat::Due::kPing: {
      v1::Stanza ping;
      ping.mutable_ping()->set_sent_at_us(frontend::micros(at.wall));
      send(ping);
      return {};
    }
  }
  return {};
}

// What is between the connections themselves stays here; the rest is the caller's.
void Connection::take(const v1::Stanza& stanza, const Visit& visit) {
  if (stanza.has_goodbye()) {
    const v1::Goodbye& goodbye = stanza.goodbye();
    // With a file to read another token from, coming back may work.
    const bool expired = goodbye.code() == v1::CODE_TOKEN_EXPIRED && !endpoint_.token_file.empty();
    goodbye_ = {.code = expired ? ErrorCode::kIo
                                : error_code_of(static_cast<std::uint32_t>(goodbye.code())),
                .message = "the server ended the session: " + goodbye.message()};
    retry_after_ = std::chrono::milliseconds(goodbye.retry_after_ms());
  } else if (stanza.has_ping()) {
    answer(stanza);
  } else if (stanza.has_pong() && stanza.id() == 0) {
    const v1::Pong& pong = stanza.pong();
    if (heartbeat_)
      (void)heartbeat_->answered(
          {.sent_at_us = pong.sent_at_us(), .received_at_us = pong.received_at_us()},
          now().monotonic, {.least = server_.heartbeat, .most = server_.heartbeat});
  } else if (stanza.has_token_expiring()) {
    refresh_token();
  } else if (stanza.id() != kRefreshId) {
    visit(stanza);
  }
}

void Connection::answer(const v1::Stanza& ping) {
  v1::Stanza pong;
  pong.set_id(ping.id());
  pong.mutable_pong()->set_sent_at_us(ping.ping().sent_at_us());
  pong.mutable_pong()->set_received_at_us(frontend::micros(now().wall));
  send(pong);
}

void Connection::refresh_token() {
  const Result<std::string> token = token_of(endpoint_);
  if (!token || *token == token_) return;
  token_ = *token;
  v1::Stanza stanza;
  stanza.set_id(kRefreshId);
  stanza.mutable_token_refresh()->set_token(token_);
  send(stanza);
}

Result<v1::Stanza> Connection::ask(v1::Stanza request, std::chrono::milliseconds time,
                                   const Visit& others) {
  const Clock::time_point until = Clock::now() + time;
  request.set_id(1);
  send(request);
  std::optional<v1::Stanza> answer;
  while (!answer) {
    if (Clock::now() >= until) return gone("no answer from the server in time");
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    auto went = exchange(left, -1, [&](const v1::Stanza& stanza) {
      if (stanza.id() == request.id()) {
        answer = stanza;
      } else {
        others(stanza);
      }
    });
    if (!went && !answer) return std::unexpected(std::move(went.error()));
  }
  if (answer->has_error()) {
    const v1::Error& error = answer->error();
    return engine::fail(error_code_of(static_cast<std::uint32_t>(error.code())), error.message());
  }
  return std::move(*answer);
}

}  // namespace bimip::client
