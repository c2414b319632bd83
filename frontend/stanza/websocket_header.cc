#include "frontend/stanza/websocket_header.h"

#include <limits>

namespace bimip::frontend {
namespace {

void append_big_endian(std::string& out, std::size_t value, std::size_t bytes) {
  for (std::size_t i = bytes; i-- > 0;) out.push_back(static_cast<char>(value >> 8 * i & 0xFF));
}

}  // namespace

void append_websocket_header(std::string& out, WebSocketOpcode opcode, std::size_t bytes) {
  out.push_back(static_cast<char>(kWebSocketFinal | static_cast<std::uint8_t>(opcode)));
  if (bytes < kWebSocketLength16) {
    out.push_back(static_cast<char>(bytes));
  } else if (bytes <= std::numeric_limits<std::uint16_t>::max()) {
    out.push_back(static_cast<char>(kWebSocketLength16));
    append_big_endian(out, bytes, sizeof(std::uint16_t));
  } else {
    out.push_back(static_cast<char>(kWebSocketLength64));
    append_big_endian(out, bytes, sizeof(std::uint64_t));
  }
}

}  // namespace bimip::frontend
