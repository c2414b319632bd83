#include "frontend/stanza/framing.h"

#include <google/protobuf/message_lite.h>

#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "frontend/stanza/websocket_header.h"

namespace bimip::frontend {
namespace {

// Field 1, length-delimited.
constexpr char kFirstFieldTag = 1 << 3 | 2;

void append_varint(std::string& out, std::size_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

}  // namespace

void FrameReader::carry(Bytes& input, std::size_t up_to) {
  const std::size_t count = std::min(input.size(), up_to - std::min(up_to, carried().size()));
  if (count == 0) return;
  if (!carried_) carried_ = std::make_unique<std::string>();
  carried_->append(reinterpret_cast<const char*>(input.data()), count);
  input = input.subspan(count);
}

std::expected<bool, FrameProblem> FrameReader::take_preface(Bytes& input) {
  carry(input, kPreface.size());
  const std::size_t magic = std::min(carried().size(), kPrefaceMagicBytes);
  if (carried().substr(0, magic) != kPreface.substr(0, magic))
    return std::unexpected(FrameProblem::kNotOurPreface);
  if (carried().size() < kPreface.size()) return false;
  if (carried() != kPreface) return std::unexpected(FrameProblem::kOtherVersion);
  carried_.reset();
  prefaced_ = true;
  return true;
}

std::expected<std::size_t, FrameProblem> FrameReader::length_of(Bytes header) const {
  std::size_t length = 0;
  for (std::size_t i = 0; i < kFrameHeaderBytes; ++i)
    length = length << 8 | std::to_integer<std::size_t>(header[i]);
  if (length == 0) return std::unexpected(FrameProblem::kEmptyFrame);
  if (length > frame_bytes_max_) return std::unexpected(FrameProblem::kFrameTooLarge);
  return length;
}

std::expected<Bytes, FrameProblem> FrameReader::next(Bytes& input) {
  if (!prefaced_) {
    auto whole = take_preface(input);
    if (!whole) return std::unexpected(whole.error());
    if (!*whole) return Bytes{};
  }
  if (!carried_ && input.size() >= kFrameHeaderBytes) {
    auto length = length_of(input);
    if (!length) return std::unexpected(length.error());
    if (input.size() - kFrameHeaderBytes >= *length) {
      const Bytes frame = input.subspan(kFrameHeaderBytes, *length);
      input = input.subspan(kFrameHeaderBytes + *length);
      return frame;
    }
  }
  if (carried().size() < kFrameHeaderBytes) carry(input, kFrameHeaderBytes);
  if (carried().size() < kFrameHeaderBytes) return Bytes{};
  auto length = length_of(engine::as_bytes(carried()));
  if (!length) return std::unexpected(length.error());
  carry(input, kFrameHeaderBytes + *length);
  if (carried().size() < kFrameHeaderBytes + *length) return Bytes{};
  return engine::as_bytes(carried()).subspan(kFrameHeaderBytes);
}

void append_frame_header(std::string& out, std::size_t bytes, Framing framing) {
  BIMIP_ASSERT(bytes > 0 && bytes <= limits::kFrameBytesMax);
  switch (framing) {
    case Framing::kLength:
      for (int shift = 24; shift >= 0; shift -= 8)
        out.push_back(static_cast<char>(bytes >> shift & 0xFF));
      return;
    case Framing::kWebSocket:
      return append_websocket_header(out, WebSocketOpcode::kBinary, bytes);
    case Framing::kField:
      out.push_back(kFirstFieldTag);
      return append_varint(out, bytes);
  }
}

void append_frame(std::string& out, const google::protobuf::MessageLite& message, Framing framing) {
  const std::size_t bytes = message.ByteSizeLong();
  append_frame_header(out, bytes, framing);
  const std::size_t at = out.size();
  out.resize(at + bytes);
  message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(out.data() + at));
}

}  // namespace bimip::frontend
