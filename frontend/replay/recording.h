// A recording: what one thread's sessions, or a core of the node, were told, in a file. Normative
// page: docs/design/format-recording.md.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "frontend/replay/build.h"
#include "frontend/session/tape_event.h"

namespace bimip::frontend {

inline constexpr std::uint32_t kRecordingMagic = 0x43524D42;  // "BMRC"
inline constexpr std::uint64_t kRecordingVersion = 3;
inline constexpr std::size_t kRecordingBlockHeaderBytes = 16;
// A block is closed once it has so many bytes of events.
inline constexpr std::size_t kRecordingBlockBytes = 64 * 1024;
// More than any event has: what a reader takes for a length.
inline constexpr std::size_t kRecordingBlockBytesMax = 64 * 1024 * 1024;
// More than any server has: what is believed of a head.
inline constexpr std::uint64_t kRecordedShardsMax = 1024;
inline constexpr std::string_view kRecordingExtension = ".recording";

// Whose inputs they are.
enum class RecordedCore : std::uint8_t { kSessions = 0, kAwareness = 1, kOffers = 2 };
[[nodiscard]] constexpr std::string_view name_of(RecordedCore core) {
  switch (core) {
    case RecordedCore::kSessions:
      return "sessions";
    case RecordedCore::kAwareness:
      return "awareness";
    case RecordedCore::kOffers:
      return "offers";
  }
  return "";
}

// What stands in a recording's first block.
struct RecordingHead {
  RecordedCore core = RecordedCore::kSessions;
  std::uint64_t shard = 0;
  engine::Timestamp began{};
  bool checks_tokens = false;
  std::uint64_t shards = 1;         // each has a file, and each other core has one
  std::string build{this_build()};  // of the server
};

[[nodiscard]] std::uint64_t recording_checksum(std::string_view block, std::uint64_t number);

// Thread-compatible. Nothing is promised of a crash but that whole blocks are told from others.
class RecordingWriter {
 public:
  // `out` outlives it. Above `bytes_max` nothing is written but the events that say so.
  RecordingWriter(std::ostream& out, const RecordingHead& head, std::uint64_t bytes_max);
  // False: there is no room any more.
  bool add(TapeEvent event, std::string_view words);
  // The last event.
  void end();
  // What there is becomes a block. False: it could not be written; nothing is, from then on.
  bool flush();
  [[nodiscard]] bool is_open() const { return open_; }

 private:
  void put(TapeEvent event, std::string_view words);
  bool write_block();

  std::ostream& out_;
  const std::uint64_t bytes_max_;
  std::uint64_t written_ = 0;
  std::uint64_t blocks_ = 0;
  std::string block_;
  bool open_ = true;
};

struct RecordedEvent {
  TapeEvent event{};
  std::string_view words{};  // until the next call
};

// Thread-compatible. Holds one block.
class RecordingReader {
 public:
  // `in` outlives it. kDamaged, kUnsupportedVersion.
  [[nodiscard]] static engine::Result<RecordingReader> open(std::istream& in);
  [[nodiscard]] const RecordingHead& head() const { return head_; }
  // The next event, without and with going past it. Nothing: there is none, or no whole block.
  [[nodiscard]] std::optional<RecordedEvent> peek();
  [[nodiscard]] std::optional<RecordedEvent> next();
  // It ends in the middle of a block, or with one whose checksum fails.
  [[nodiscard]] bool is_torn() const { return torn_; }

 private:
  explicit RecordingReader(std::istream& in) : in_(&in) {}
  [[nodiscard]] bool read_block();
  // The event at `at_`, and where it ends.
  [[nodiscard]] std::optional<RecordedEvent> look(std::size_t& end);

  std::istream* in_;
  RecordingHead head_{};
  std::uint64_t blocks_ = 0;
  std::string block_;
  std::size_t at_ = 0;
  bool torn_ = false;
};

}  // namespace bimip::frontend
