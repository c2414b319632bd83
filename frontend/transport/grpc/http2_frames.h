// The heads of HTTP/2's frames (RFC 9113, 4.1), found in a stream of bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bimip::frontend::http2 {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum Type : std::uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation,
};
inline constexpr std::uint8_t kEndStream = 0x1;
inline constexpr std::uint8_t kAck = 0x1;
inline constexpr std::uint8_t kEndHeaders = 0x4;

enum class ErrorCode : std::uint32_t {
  kNone = 0x0,
  kProtocol = 0x1,
  kRefusedStream = 0x7,
  kEnhanceYourCalm = 0xb,
};

struct FrameHead {
  static constexpr std::size_t kBytes = 9;
  std::uint32_t length = 0;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  [[nodiscard]] bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

[[nodiscard]] inline FrameHead decode_head(std::span<const unsigned char, FrameHead::kBytes> at) {
  const auto number = [&](std::size_t from, std::size_t bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = from; i < from + bytes; ++i) value = value << 8 | at[i];
    return value;
  };
  return {.length = number(0, 3),
          .type = at[3],
          .flags = at[4],
          .stream = number(5, 4) & 0x7fffffff};  // the first bit is reserved
}

inline void append_head(std::string& out, const FrameHead& head) {
  for (const int shift : {16, 8, 0}) out.push_back(static_cast<char>(head.length >> shift));
  out.push_back(static_cast<char>(head.type));
  out.push_back(static_cast<char>(head.flags));
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(head.stream >> shift));
}

// Goes along a stream that consists of frames. Holds no more than part of a head.
class FrameCursor {
 public:
  // Goes on by some of these bytes, which are not none: to the end of a head or of a frame at most.
  // How many.
  std::size_t step(std::span<const char> bytes) {
    at_head_end_ = false;
    if (payload_left_ > 0) {
      const std::size_t count = std::min<std::size_t>(payload_left_, bytes.size());
      payload_left_ -= static_cast<std::uint32_t>(count);
      return count;
    }
    const std::size_t count = std::min(FrameHead::kBytes - have_, bytes.size());
    std::copy_n(bytes.begin(), count, bytes_.begin() + static_cast<std::ptrdiff_t>(have_));
    have_ += count;
    if (have_ == FrameHead::kBytes) {
      have_ = 0;
      payload_left_ = head().length;
      at_head_end_ = true;
    }
    return count;
  }
  // The last step ended with a head: this one.
  [[nodiscard]] bool is_at_head_end() const { return at_head_end_; }
  [[nodiscard]] FrameHead head() const { return decode_head(bytes_); }
  [[nodiscard]] bool is_between_frames() const { return have_ == 0 && payload_left_ == 0; }

 private:
  std::array<unsigned char, FrameHead::kBytes> bytes_{};
  std::size_t have_ = 0;
  std::uint32_t payload_left_ = 0;
  bool at_head_end_ = false;
};

}  // namespace bimip::frontend::http2
