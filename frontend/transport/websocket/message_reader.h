// What a client sends over a WebSocket, cut into messages and control frames (RFC 6455, 5).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>

#include "engine/base/bytes.h"
#include "frontend/stanza/websocket_header.h"

namespace bimip::frontend {

enum class WebSocketProblem : std::uint8_t {
  kProtocol,  // no WebSocket: not masked, reserved bits, an unknown opcode, fragments out of order
  kTooLarge,
  kNotText,  // not UTF-8
};

// The close code that says so.
[[nodiscard]] std::uint16_t close_code_of(WebSocketProblem problem);

// Holds the bytes of at most one unfinished message and one unfinished control frame, and no memory
// between them. A length is checked before anything is allocated for it, and no more is held than
// was sent. Thread-compatible.
class MessageReader {
 public:
  explicit MessageReader(std::size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  // A whole message (kText: of UTF-8; kBinary), or a control frame (kClose: with a valid code, or
  // empty).
  struct Message {
    WebSocketOpcode opcode;
    engine::Bytes payload;
  };

  // Calls `visit(Message)` for each that `input` completes, which it unmasks in place; a view ends
  // with the call. False from `visit` ends it: what follows is dropped. After a problem the stream
  // is beyond help.
  template <typename Visit>
  std::expected<void, WebSocketProblem> feed(std::span<char> input, Visit&& visit) {
    while (true) {
      auto message = next(input);
      if (!message) return std::unexpected(message.error());
      if (!*message) return {};
      const bool go_on = visit(**message);
      forget((*message)->opcode);
      if (!go_on) return {};
    }
  }

  [[nodiscard]] std::size_t held_bytes() const { return message_.capacity() + control_.capacity(); }

 private:
  static constexpr std::size_t kHeaderBytesMax = 2 + 8 + kWebSocketMaskBytes;
  // The next one, or nothing once all of `input` was taken. Moves `input` on.
  std::expected<std::optional<Message>, WebSocketProblem> next(std::span<char>& input);
  // True once the header is whole and the frame begins.
  std::expected<bool, WebSocketProblem> take_header(std::span<char>& input);
  [[nodiscard]] std::expected<void, WebSocketProblem> check_first_bytes() const;
  std::expected<void, WebSocketProblem> begin_frame();
  [[nodiscard]] std::size_t header_bytes() const;
  [[nodiscard]] std::expected<Message, WebSocketProblem> finish(engine::Bytes payload);
  void forget(WebSocketOpcode opcode);

  const std::size_t message_bytes_max_;
  std::array<std::uint8_t, kHeaderBytesMax> header_{};
  std::uint8_t header_size_ = 0;
  bool in_frame_ = false;
  bool final_ = false;
  WebSocketOpcode opcode_ = WebSocketOpcode::kContinuation;          // of the frame
  WebSocketOpcode message_opcode_ = WebSocketOpcode::kContinuation;  // kContinuation: no message
  std::array<std::uint8_t, kWebSocketMaskBytes> mask_{};
  std::size_t unmasked_ = 0;   // of the frame's bytes
  std::size_t remaining_ = 0;  // of the frame's bytes
  std::string message_;        // of the unfinished message
  std::string control_;        // of the unfinished control frame
};

// XORs bytes that follow `before` bytes of the same frame.
void apply_mask(std::span<char> bytes, const std::array<std::uint8_t, kWebSocketMaskBytes>& mask,
                std::size_t before);

}  // namespace bimip::frontend
