// The header of a WebSocket frame as a server writes it (RFC 6455, 5.2): unmasked, of one fragment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace bimip::frontend {

enum class WebSocketOpcode : std::uint8_t {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xA,
};

// The first byte: whether the message ends with this frame, three bits no extension of ours uses,
// the opcode.
inline constexpr std::uint8_t kWebSocketFinal = 0x80;
inline constexpr std::uint8_t kWebSocketReserved = 0x70;
inline constexpr std::uint8_t kWebSocketOpcodeBits = 0x0F;
// The second byte: whether a mask follows, and the length or how many bytes of it follow.
inline constexpr std::uint8_t kWebSocketMasked = 0x80;
inline constexpr std::uint8_t kWebSocketLengthBits = 0x7F;
inline constexpr std::uint8_t kWebSocketLength16 = 126;
inline constexpr std::uint8_t kWebSocketLength64 = 127;
inline constexpr std::size_t kWebSocketMaskBytes = 4;
inline constexpr std::size_t kWebSocketControlBytesMax = 125;

// For so many bytes, in the fewest bytes that can say it, as the RFC demands.
void append_websocket_header(std::string& out, WebSocketOpcode opcode, std::size_t bytes);

}  // namespace bimip::frontend
