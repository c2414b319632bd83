// Bimip over a WebSocket: one stanza a message. Normative: RFC 6455, docs/design/transports.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "frontend/session/session.h"
#include "frontend/transport/carrier.h"
#include "frontend/transport/websocket/message_reader.h"

namespace bimip::frontend {

// How a message holds its stanza; each is a subprotocol.
enum class WebSocketEncoding : std::uint8_t {
  kBinary,  // bimip.v1
  kJson,    // bimip.v1.json
};

inline constexpr std::string_view kBinarySubprotocol = "bimip.v1";
inline constexpr std::string_view kJsonSubprotocol = "bimip.v1.json";

// How the session must frame its output.
[[nodiscard]] inline Framing framing_of(WebSocketEncoding encoding) {
  return encoding == WebSocketEncoding::kBinary ? Framing::kWebSocket : Framing::kLength;
}

// As Carrier, from the handshake's answer on. Binary output is the session's own; JSON is made of
// it frame by frame as the socket takes it. Holds no buffer between messages.
class WebSocketCarrier final : public Carrier {
 public:
  // `answer`: what is sent first, the end of the handshake.
  WebSocketCarrier(std::shared_ptr<Session> session, WebSocketEncoding encoding,
                   std::string answer);

  void on_bytes(std::span<char> bytes, Moment now) override;
  void on_sent(std::size_t bytes) override;
  void on_tick(Moment now) override;
  void on_farewell(const Farewell& farewell) override { session_->on_farewell(farewell); }
  void on_drain() override { session_->on_drain(); }
  void on_closed() override { session_->on_disconnected(); }
  [[nodiscard]] bool has_output() const override;
  [[nodiscard]] std::string take_output() override;
  [[nodiscard]] bool takes_input() const override;
  [[nodiscard]] bool is_over() const override { return state_ == State::kOver; }
  [[nodiscard]] std::string_view name() const override { return "websocket"; }
  [[nodiscard]] Session* session() override { return session_.get(); }

 private:
  enum class State : std::uint8_t {
    kOpen,
    kClosing,  // our Close is on its way, or is there: the peer's is waited for
    kOver,     // nothing more is read
  };
  // Session output on its way out as JSON: made when the last was sent, some at a time.
  struct Conversion {
    std::string frames;              // of the session
    std::size_t at = 0;              // converted so far
    std::size_t sending = 0;         // bytes of text not yet sent ...
    std::size_t sending_frames = 0;  // ... and of the frames they were made of
  };

  // False when nothing more of the peer is wanted.
  bool on_message(const MessageReader::Message& message, Moment now);
  void on_stanza_message(const MessageReader::Message& message, Moment now);
  void on_json(std::string_view text, Moment now);
  void answer_close(engine::Bytes payload);
  void queue_close(std::uint16_t code, std::string_view reason);
  [[nodiscard]] bool session_has_output() const;
  [[nodiscard]] std::string take_session_output();

  const std::shared_ptr<Session> session_;
  const WebSocketEncoding encoding_;
  State state_ = State::kOpen;
  bool close_queued_ = false;
  bool sending_own_ = false;  // what was taken last is ours, not the session's
  MessageReader reader_;
  std::string own_;  // the handshake's answer, Pongs, a Close
  std::unique_ptr<Conversion> conversion_;
  std::optional<std::chrono::nanoseconds> close_by_;
};

}  // namespace bimip::frontend
