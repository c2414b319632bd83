// The offset and time index of a segment: sparse, derived, one file for both. Normative page:
// docs/design/format-index.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/result.h"
#include "engine/format/commit_block.h"

namespace bimip::engine {

// One per limits::kIndexStrideBytes of log, for the block that begins there; the first block always
// has one.
struct IndexEntry {
  Offset base_offset{};
  FilePosition position{};
  Timestamp last_timestamp_before{};  // highest of all records of the segment before this block
  friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};
inline constexpr std::size_t kIndexEntryBytes = 24;

// Whether `entry` may stand behind `before` in one index.
[[nodiscard]] bool may_follow(const IndexEntry& before, const IndexEntry& entry);

[[nodiscard]] std::vector<std::byte> encode_index(const SegmentIdentity& segment,
                                                  std::span<const IndexEntry> entries);

// Lookups over entries as encoded, in place. Immutable; views the file's bytes.
class IndexView {
 public:
  // kDamaged when the file is not an index or its entries are not in order; kForeign when of
  // another segment.
  [[nodiscard]] static Result<IndexView> open(const SegmentIdentity& segment, Bytes file);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] IndexEntry at(std::size_t slot) const;
  // The last entry whose base offset is not after `target`; nothing when there is none.
  [[nodiscard]] std::optional<IndexEntry> find(Offset target) const;
  // The last entry before which no record is as late as `target`: reading on from it finds the
  // first that is.
  [[nodiscard]] std::optional<IndexEntry> find(Timestamp target) const;

 private:
  explicit IndexView(Bytes entries) : entries_(entries) {}
  Bytes entries_{};
};

}  // namespace bimip::engine
