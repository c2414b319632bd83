// WebSocket frames as a client writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "frontend/stanza/websocket_header.h"

namespace bimip::testing {

using frontend::WebSocketOpcode;

struct ClientFrame {
  WebSocketOpcode opcode = WebSocketOpcode::kBinary;
  std::string_view payload;
  bool final = true;
  std::uint32_t mask = 0x12345678;
};

// Masked, its length in the fewest bytes.
inline std::string client_frame(const ClientFrame& frame) {
  std::string bytes;
  frontend::append_websocket_header(bytes, frame.opcode, frame.payload.size());
  if (!frame.final) bytes[0] = static_cast<char>(bytes[0] & 0x7F);
  bytes[1] = static_cast<char>(bytes[1] | static_cast<char>(0x80));
  std::string mask;
  for (unsigned i = 0; i < 4; ++i) mask.push_back(static_cast<char>(frame.mask >> 8 * i & 0xFF));
  bytes += mask;
  for (std::size_t i = 0; i < frame.payload.size(); ++i)
    bytes.push_back(static_cast<char>(frame.payload[i] ^ mask[i % 4]));
  return bytes;
}

}  // namespace bimip::testing
