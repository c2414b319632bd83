// What a WebSocket client sends is read the same however it is cut, and never more is held than was
// sent. The first byte says how it is cut.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/assert.h"
#include "frontend/transport/websocket/message_reader.h"

namespace {

using namespace bimip::frontend;  // NOLINT

constexpr std::size_t kMessageBytesMax = 1 << 16;

struct Outcome {
  std::vector<std::pair<WebSocketOpcode, std::string>> messages;
  std::expected<void, WebSocketProblem> end;
  bool operator==(const Outcome&) const = default;
};

Outcome read(std::string stream, std::size_t step) {
  MessageReader reader(kMessageBytesMax);
  Outcome outcome;
  for (std::size_t at = 0; at < stream.size() && outcome.end; at += step) {
    const std::size_t count = std::min(step, stream.size() - at);
    outcome.end = reader.feed(std::span(stream).subspan(at, count), [&](const auto& message) {
      outcome.messages.emplace_back(message.opcode, bimip::engine::as_text(message.payload));
      return true;
    });
    BIMIP_ASSERT(reader.held_bytes() <= 2 * stream.size() + 512);
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = read(stream, size);
  for (const auto& [opcode, payload] : whole.messages)
    BIMIP_ASSERT(payload.size() <= kMessageBytesMax);
  BIMIP_ASSERT(whole == read(stream, 1 + data[0] % 16));
  return 0;
}
