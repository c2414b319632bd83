// Grows the sparse index of a segment block by block.
#pragma once

#include <vector>

#include "engine/format/commit_block.h"
#include "engine/format/segment_index.h"

namespace bimip::engine {

// Thread-compatible.
class IndexBuilder {
 public:
  IndexBuilder() = default;
  // Goes on from the entries of a checkpoint.
  IndexBuilder(std::vector<IndexEntry> entries, Timestamp last_timestamp)
      : entries_(std::move(entries)), last_timestamp_(last_timestamp) {}

  // Blocks come in the order of their positions.
  void add(const BlockHeader& block) {
    if (block.record_count == 0) return;
    if (entries_.empty() ||
        block.position - entries_.back().position >= limits::kIndexStrideBytes) {
      entries_.push_back({.base_offset = block.base_offset,
                          .position = block.position,
                          .last_timestamp_before = last_timestamp_});
    }
    last_timestamp_ = std::max(last_timestamp_, block.last_timestamp);
  }
  [[nodiscard]] const std::vector<IndexEntry>& entries() const { return entries_; }

 private:
  std::vector<IndexEntry> entries_;
  Timestamp last_timestamp_{};
};

}  // namespace bimip::engine
