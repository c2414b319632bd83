// What a topic's owner chooses for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/limits.h"
#include "engine/base/result.h"

namespace bimip::engine {

// When an append is answered, and from when on a record can be read.
enum class Durability : std::uint8_t {
  kDurable = 1,  // when it survives power loss
  kWritten = 2,  // when it survives this process; power loss can take the newest records
};

// What becomes of records whose key has a newer one.
enum class Compaction : std::uint8_t {
  kNone = 0,    // they stay
  kNewest = 1,  // they go, in time: the newest record of each key is kept
};

// What retention and the removal of a key's old records wait for.
enum class RetentionFloor : std::uint8_t {
  kNone = 0,
  kCursors = 1,  // nothing goes that a live consumer group has not acknowledged
};

// Nothing holds any record.
inline constexpr Offset kNoFloor{~std::uint64_t{0}};

struct TopicConfig {
  std::uint32_t partitions = 1;
  Durability durability = Durability::kDurable;
  std::uint64_t segment_bytes = limits::kSegmentBytesDefault;  // roll at this size ...
  std::chrono::seconds segment_age =
      limits::kSegmentAgeDefault;  // ... or at this age of its first record
  // How long and how much is kept, in whole segments; zero: for ever, without a bound.
  std::chrono::seconds retention_age{};  // of a segment's newest record
  std::uint64_t retention_bytes = 0;     // of a partition's segments
  RetentionFloor retention_floor = RetentionFloor::kNone;
  // Of the records of a key: so many of the newest are kept; zero: all of them.
  std::uint64_t entity_records_max = 0;
  // A key's records this old go, but for its newest; zero: they stay.
  std::chrono::seconds entity_age{};
  Compaction compaction = Compaction::kNone;
  // How long a tombstone stays after what it deletes is gone, for who reads slowly.
  std::chrono::seconds tombstone_grace = limits::kTombstoneGraceDefault;
  // How far ahead the time of a record may be that is held until then.
  std::chrono::seconds hold_max = limits::kHoldMaxDefault;
  friend bool operator==(const TopicConfig&, const TopicConfig&) = default;
};

// What may be changed of a topic that is there; nothing: as it is.
struct TopicChange {
  std::optional<std::chrono::seconds> segment_age{};
  std::optional<std::chrono::seconds> retention_age{};
  std::optional<std::uint64_t> retention_bytes{};
  std::optional<RetentionFloor> retention_floor{};
  std::optional<std::uint64_t> entity_records_max{};
  std::optional<std::chrono::seconds> entity_age{};
  std::optional<std::chrono::seconds> tombstone_grace{};
  std::optional<std::chrono::seconds> hold_max{};
};
// The age of a segment's first record at which it is rolled: what is to go can go only with its
// segment.
[[nodiscard]] std::chrono::seconds roll_age(const TopicConfig& config);
// How many records a partition holds until their time.
[[nodiscard]] std::size_t held_records_max(const TopicConfig& config);
[[nodiscard]] TopicConfig changed(const TopicConfig& config, const TopicChange& change);

// kInvalidArgument with a sentence that names the field and its bounds.
[[nodiscard]] Status validate(const TopicConfig& config);
// A topic's name is a folder's name: letters, digits, '.', '_', '-'; not "." first; bounded length.
[[nodiscard]] Status validate_topic_name(std::string_view name);

}  // namespace bimip::engine
