#include "frontend/transport/websocket/message_reader.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "frontend/transport/websocket/utf8.h"

namespace bimip::frontend {
namespace {

using enum WebSocketOpcode;
using enum WebSocketProblem;

constexpr std::size_t kKeepBytes = 256;
constexpr std::size_t kCloseCodeBytes = 2;

bool is_control(WebSocketOpcode opcode) { return static_cast<std::uint8_t>(opcode) >= 8; }

bool is_known(WebSocketOpcode opcode) {
  switch (opcode) {
    case kContinuation:
    case kText:
    case kBinary:
    case kClose:
    case kPing:
    case kPong:
      return true;
  }
  return false;
}

// RFC 6455, 7.4, and what was registered since: those that may be sent.
bool is_close_code(unsigned code) {
  return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
         (code >= 3000 && code <= 4999);
}

engine::Bytes view(std::span<const char> bytes) { return std::as_bytes(bytes); }

void clear(std::string& text) {
  if (text.capacity() <= kKeepBytes) {
    text.clear();
  } else {
    std::string().swap(text);
  }
}

std::size_t big_endian(std::span<const std::uint8_t> bytes) {
  std::size_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

}  // namespace

std::uint16_t close_code_of(WebSocketProblem problem) {
  switch (problem) {
    case kProtocol:
      return 1002;
    case kTooLarge:
      return 1009;
    case kNotText:
      return 1007;
  }
  return 1002;
}

void apply_mask(std::span<char> bytes, const std::array<std::uint8_t, kWebSocketMaskBytes>& mask,
                std::size_t before) {
  std::array<std::uint8_t, 2 * kWebSocketMaskBytes> twice{};
  for (std::size_t i = 0; i < twice.size(); ++i) twice[i] = mask[(before + i) % mask.size()];
  std::uint64_t key = 0;
  std::memcpy(&key, twice.data(), sizeof(key));
  std::size_t at = 0;
  for (; bytes.size() - at >= sizeof(key); at += sizeof(key)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes.data() + at, sizeof(eight));
    eight ^= key;
    std::memcpy(bytes.data() + at, &eight, sizeof(eight));
  }
  for (std::size_t i = 0; at + i < bytes.size(); ++i)
    bytes[at + i] = static_cast<char>(static_cast<std::uint8_t>(bytes[at + i]) ^ twice[i]);
}

std::size_t MessageReader::header_bytes() const {
  std::size_t bytes = 2 + kWebSocketMaskBytes;
  const unsigned length = header_[1] & kWebSocketLengthBits;
  if (length == kWebSocketLength16) bytes += sizeof(std::uint16_t);
  if (length == kWebSocketLength64) bytes += sizeof(std::uint64_t);
  return bytes;
}

std::expected<bool, WebSocketProblem> MessageReader::take_header(std::span<char>& input) {
  const auto take_up_to = [&](std::size_t size) {
    const std::size_t count = std::min(input.size(), size - header_size_);
    std::memcpy(header_.data() + header_size_, input.data(), count);
    header_size_ = static_cast<std::uint8_t>(header_size_ + count);
    input = input.subspan(count);
    return header_size_ == size;
  };
  if (header_size_ < 2) {
    if (!take_up_to(2)) return false;
    if (auto sound = check_first_bytes(); !sound) return std::unexpected(sound.error());
  }
  if (!take_up_to(header_bytes())) return false;
  if (auto begun = begin_frame(); !begun) return std::unexpected(begun.error());
  return true;
}

std::expected<void, WebSocketProblem> MessageReader::check_first_bytes() const {
  const auto opcode = static_cast<WebSocketOpcode>(header_[0] & kWebSocketOpcodeBits);
  const bool whole = (header_[0] & kWebSocketFinal) != 0;
  const bool in_message = message_opcode_ != kContinuation;
  bool sound = (header_[0] & kWebSocketReserved) == 0 && is_known(opcode) &&
               (header_[1] & kWebSocketMasked) != 0;
  if (is_control(opcode)) {
    sound = sound && whole && (header_[1] & kWebSocketLengthBits) <= kWebSocketControlBytesMax;
  } else {
    sound = sound && (opcode == kContinuation) == in_message;
  }
  if (!sound) return std::unexpected(kProtocol);
  return {};
}

std::expected<void, WebSocketProblem> MessageReader::begin_frame() {
  const std::size_t mask_at = header_size_ - kWebSocketMaskBytes;
  std::size_t length = header_[1] & kWebSocketLengthBits;
  const std::span<const std::uint8_t> extended =
      std::span<const std::uint8_t>(header_).first(mask_at).subspan(2);
  if (!extended.empty()) {
    const std::size_t shorter_most = length == kWebSocketLength16
                                         ? kWebSocketControlBytesMax
                                         : std::numeric_limits<std::uint16_t>::max();
    length = big_endian(extended);
    if (length <= shorter_most || length >> 63 != 0) return std::unexpected(kProtocol);
  }
  opcode_ = static_cast<WebSocketOpcode>(header_[0] & kWebSocketOpcodeBits);
  final_ = (header_[0] & kWebSocketFinal) != 0;
  if (!is_control(opcode_)) {
    if (length > message_bytes_max_ - message_.size()) return std::unexpected(kTooLarge);
    if (opcode_ != kContinuation) message_opcode_ = opcode_;
  }
  std::copy_n(header_.begin() + static_cast<std::ptrdiff_t>(mask_at), mask_.size(), mask_.begin());
  unmasked_ = 0;
  remaining_ = length;
  header_size_ = 0;
  in_frame_ = true;
  return {};
}

std::expected<std::optional<MessageReader::Message>, WebSocketProblem> MessageReader::next(
    std::span<char>& input) {
  while (true) {
    if (!in_frame_) {
      auto begun = take_header(input);
      if (!begun) return std::unexpected(begun.error());
      if (!*begun) return std::nullopt;
    }
    const std::span<char> bytes = input.first(std::min(input.size(), remaining_));
    apply_mask(bytes, mask_, unmasked_);
    input = input.subspan(bytes.size());
    unmasked_ += bytes.size();
    remaining_ -= bytes.size();

    std::string& carried = is_control(opcode_) ? control_ : message_;
    const bool ends = remaining_ == 0 && final_;
    if (ends && carried.empty()) {  // all of it is here, as nearly always: nothing is copied
      in_frame_ = false;
      return finish(view(bytes));
    }
    carried.append(bytes.data(), bytes.size());
    if (remaining_ > 0) return std::nullopt;
    in_frame_ = false;
    if (ends) return finish(view(carried));
  }
}

std::expected<MessageReader::Message, WebSocketProblem> MessageReader::finish(
    engine::Bytes payload) {
  Message message{.opcode = opcode_, .payload = payload};
  if (!is_control(opcode_)) {
    message.opcode = message_opcode_;
    if (message.opcode == kText && !is_utf8(engine::as_text(payload)))
      return std::unexpected(kNotText);
  } else if (opcode_ == kClose && !payload.empty()) {
    if (payload.size() < kCloseCodeBytes) return std::unexpected(kProtocol);
    const unsigned code =
        std::to_integer<unsigned>(payload[0]) << 8 | std::to_integer<unsigned>(payload[1]);
    if (!is_close_code(code)) return std::unexpected(kProtocol);
    if (!is_utf8(engine::as_text(payload.subspan(kCloseCodeBytes))))
      return std::unexpected(kNotText);
  }
  return message;
}

void MessageReader::forget(WebSocketOpcode opcode) {
  if (is_control(opcode)) {
    clear(control_);
  } else {
    clear(message_);
    message_opcode_ = kContinuation;
  }
}

}  // namespace bimip::frontend
