// Stanzas on a byte stream: a preface, then frames of a 32-bit big-endian length and a Stanza; and
// how other carriers frame the same bytes. Normative page: docs/design/protocol.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "frontend/stanza/limits.h"

namespace google::protobuf {
class MessageLite;
}

namespace bimip::frontend {

using engine::Bytes;

// What a client sends first: the magic, then the version.
inline constexpr std::string_view kPreface{"BIMIP\0\0\1", 8};
inline constexpr std::size_t kPrefaceMagicBytes = 6;
inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::size_t kFrameHeaderBytes = 4;

enum class FrameProblem : std::uint8_t {
  kNotOurPreface,  // the peer speaks something else
  kOtherVersion,   // it speaks Bimip, of a version we do not
  kEmptyFrame,
  kFrameTooLarge,
};

// Cuts a stream into frames. Holds the bytes of at most one unfinished frame, and no memory between
// frames. Nothing is allocated for a frame before its length was checked. Thread-compatible.
class FrameReader {
 public:
  enum class Begin : std::uint8_t { kWithPreface, kWithFrame };
  explicit FrameReader(Begin begin, std::size_t frame_bytes_max = limits::kFrameBytesMax)
      : frame_bytes_max_(static_cast<std::uint32_t>(frame_bytes_max)),
        prefaced_(begin == Begin::kWithFrame) {}

  // Calls `visit(Bytes frame)` for every frame that `input` completes; its view ends with the call.
  // False from `visit` ends it: what follows is dropped. After a problem the stream is beyond help.
  template <typename Visit>
  std::expected<void, FrameProblem> feed(Bytes input, Visit&& visit) {
    while (true) {
      auto frame = next(input);
      if (!frame) return std::unexpected(frame.error());
      if (frame->empty()) return {};
      const bool go_on = visit(*frame);
      carried_.reset();
      if (!go_on) return {};
    }
  }

  // From the next frame on; also inside `visit`.
  void set_frame_bytes_max(std::size_t bytes) {
    frame_bytes_max_ = static_cast<std::uint32_t>(bytes);
  }

  [[nodiscard]] std::size_t held_bytes() const { return carried_ ? carried_->capacity() : 0; }

 private:
  // The next whole frame, out of `input` or joined with what was carried; none: all of `input` was
  // taken. Moves `input` on.
  std::expected<Bytes, FrameProblem> next(Bytes& input);
  [[nodiscard]] std::expected<bool, FrameProblem> take_preface(Bytes& input);
  [[nodiscard]] std::expected<std::size_t, FrameProblem> length_of(Bytes header) const;
  void carry(Bytes& input, std::size_t up_to);
  [[nodiscard]] std::string_view carried() const {
    return carried_ ? std::string_view(*carried_) : std::string_view();
  }

  std::uint32_t frame_bytes_max_;
  bool prefaced_;
  std::unique_ptr<std::string>
      carried_;  // header and bytes of the unfinished frame, or of the preface
};

// What precedes the bytes of each stanza that goes out. They differ in nothing else, so a session
// encodes once, in the frames of whoever carries it.
enum class Framing : std::uint8_t {
  kLength,     // 32-bit big-endian length
  kWebSocket,  // header of an unmasked, final, binary frame (RFC 6455, 5.2)
  kField,      // tag and length of field 1: the frames together are a bimip.v1.SessionResponse
};

// Appends the message as one frame.
void append_frame(std::string& out, const google::protobuf::MessageLite& message,
                  Framing framing = Framing::kLength);
// Appends a frame's header for so many bytes.
void append_frame_header(std::string& out, std::size_t bytes, Framing framing = Framing::kLength);

}  // namespace bimip::frontend
