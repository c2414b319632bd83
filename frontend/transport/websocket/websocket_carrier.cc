#include "frontend/transport/websocket/websocket_carrier.h"

#include <algorithm>
#include <utility>

#include "frontend/stanza/codes.h"
#include "frontend/stanza/limits.h"
#include "frontend/transport/websocket/json_text.h"

namespace bimip::frontend {
namespace {

constexpr std::uint16_t kCloseNormal = 1000;
constexpr std::uint16_t kCloseUnsupportedData = 1003;
constexpr std::size_t kCloseCodeBytes = 2;

std::size_t message_bytes_max(WebSocketEncoding encoding) {
  return encoding == WebSocketEncoding::kBinary ? limits::kFrameBytesMax : limits::kJsonBytesMax;
}

std::size_t frame_length(std::string_view header) {
  std::size_t length = 0;
  for (const char byte : header.substr(0, kFrameHeaderBytes))
    length = length << 8 | static_cast<std::uint8_t>(byte);
  return length;
}

}  // namespace

WebSocketCarrier::WebSocketCarrier(std::shared_ptr<Session> session, WebSocketEncoding encoding,
                                   std::string answer)
    : session_(std::move(session)),
      encoding_(encoding),
      reader_(message_bytes_max(encoding)),
      own_(std::move(answer)) {}

void WebSocketCarrier::on_bytes(std::span<char> bytes, Moment now) {
  if (state_ == State::kOver) return;
  const auto fed = reader_.feed(
      bytes, [&](const MessageReader::Message& message) { return on_message(message, now); });
  if (fed) return;
  // After that nothing the peer sends can be understood, its Close neither.
  if (!close_queued_) queue_close(close_code_of(fed.error()), {});
  state_ = State::kOver;
}

bool WebSocketCarrier::on_message(const MessageReader::Message& message, Moment now) {
  switch (message.opcode) {
    case WebSocketOpcode::kClose:
      answer_close(message.payload);
      return false;
    case WebSocketOpcode::kPing:
      if (close_queued_) return true;
      session_->on_heard(now);
      append_websocket_header(own_, WebSocketOpcode::kPong, message.payload.size());
      own_.append(engine::as_text(message.payload));
      return true;
    case WebSocketOpcode::kPong:
      session_->on_heard(now);
      return true;
    default:
      if (!close_queued_ && !session_->is_over()) on_stanza_message(message, now);
      return true;
  }
}

void WebSocketCarrier::on_stanza_message(const MessageReader::Message& message, Moment now) {
  const bool is_json = encoding_ == WebSocketEncoding::kJson;
  if ((message.opcode == WebSocketOpcode::kText) != is_json) {
    return queue_close(kCloseUnsupportedData, is_json ? "bimip.v1.json has text messages only"
                                                      : "bimip.v1 has binary messages only");
  }
  if (message.payload.empty()) return session_->on_bad_stream(FrameProblem::kEmptyFrame);
  if (is_json) return on_json(engine::as_text(message.payload), now);
  session_->on_frame(message.payload, now);
}

void WebSocketCarrier::on_json(std::string_view text, Moment now) {
  const auto stanza = stanza_from_json(text);
  if (!stanza) return session_->on_malformed("the text is no Stanza: " + stanza.error());
  if (stanza->size() > limits::kFrameBytesMax)
    return session_->on_bad_stream(FrameProblem::kFrameTooLarge);
  session_->on_frame(engine::as_bytes(*stanza), now);
}

// The peer's Close ends it: answered with the same code, unless it answers ours.
void WebSocketCarrier::answer_close(engine::Bytes payload) {
  if (!close_queued_) {
    const std::uint16_t code =
        payload.empty() ? kCloseNormal
                        : static_cast<std::uint16_t>(std::to_integer<unsigned>(payload[0]) << 8 |
                                                     std::to_integer<unsigned>(payload[1]));
    queue_close(code, {});
  }
  state_ = State::kOver;
}

void WebSocketCarrier::queue_close(std::uint16_t code, std::string_view reason) {
  append_websocket_header(own_, WebSocketOpcode::kClose, kCloseCodeBytes + reason.size());
  own_.push_back(static_cast<char>(code >> 8));
  own_.push_back(static_cast<char>(code & 0xFF));
  own_.append(reason);
  close_queued_ = true;
  state_ = State::kClosing;
}

void WebSocketCarrier::on_tick(Moment now) {
  session_->on_tick(now);
  if (state_ != State::kClosing) return;
  if (!close_by_) close_by_ = now.monotonic + limits::kCloseWithin;
  if (now.monotonic >= *close_by_) state_ = State::kOver;
}

bool WebSocketCarrier::takes_input() const {
  if (state_ == State::kOver || own_.size() >= limits::kControlOutputBytes) return false;
  return close_queued_ || session_->is_over() || session_->takes_input();
}

bool WebSocketCarrier::session_has_output() const {
  return session_->has_output() || (conversion_ && conversion_->at < conversion_->frames.size());
}

bool WebSocketCarrier::has_output() const {
  if (!own_.empty()) return true;
  return !close_queued_ && (session_has_output() || session_->is_over());
}

std::string WebSocketCarrier::take_output() {
  sending_own_ = true;
  if (!own_.empty()) return std::exchange(own_, {});
  if (session_has_output()) {
    sending_own_ = false;
    return take_session_output();
  }
  const CodeFacts& why = facts_of(session_->ended_with());
  queue_close(why.websocket_close, why.name);
  return std::exchange(own_, {});
}

std::string WebSocketCarrier::take_session_output() {
  if (encoding_ == WebSocketEncoding::kBinary) return session_->take_output();
  if (!conversion_) {
    conversion_ = std::make_unique<Conversion>();
    conversion_->frames = session_->take_output();
  }
  std::string out;
  const std::size_t from = conversion_->at;
  while (conversion_->at < conversion_->frames.size() && out.size() < limits::kJsonOutputBytes) {
    const std::string_view rest = std::string_view(conversion_->frames).substr(conversion_->at);
    const std::size_t length = frame_length(rest);
    const std::string text =
        json_from_stanza(engine::as_bytes(rest.substr(kFrameHeaderBytes, length)));
    append_websocket_header(out, WebSocketOpcode::kText, text.size());
    out.append(text);
    conversion_->at += kFrameHeaderBytes + length;
  }
  conversion_->sending = out.size();
  conversion_->sending_frames = conversion_->at - from;
  return out;
}

void WebSocketCarrier::on_sent(std::size_t bytes) {
  if (sending_own_) return;
  if (encoding_ == WebSocketEncoding::kBinary) return session_->on_sent(bytes);
  conversion_->sending -= bytes;
  if (conversion_->sending > 0) return;
  const std::size_t frames = conversion_->sending_frames;
  if (conversion_->at == conversion_->frames.size()) conversion_.reset();
  session_->on_sent(frames);
}

}  // namespace bimip::frontend
