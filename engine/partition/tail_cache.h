// Recent blocks of all partitions of a store, for readers at the tail.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/segment/block.h"

namespace bimip::engine {

// Bounded by bytes: the block that was added first, of whichever partition, goes first.
// Thread-safe.
class TailCache {
 public:
  explicit TailCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Blocks of a partition are added in offset order.
  void add(BlockRef block);
  // Consecutive blocks from the one that holds `from`, none beginning at or after `end`, up to
  // `bytes_max` but at least one; empty when the block that holds `from` is not here.
  [[nodiscard]] std::vector<BlockRef> find(TopicId topic, PartitionId partition, OffsetRange wanted,
                                           std::size_t bytes_max) const;
  // Forgets a partition's blocks.
  void drop(TopicId topic, PartitionId partition);

 private:
  using Key = std::uint64_t;
  static Key key(TopicId topic, PartitionId partition) {
    return (std::uint64_t{topic.value()} << 32) | partition.value();
  }

  const std::size_t bytes_max_;
  mutable Mutex mutex_;
  std::unordered_map<Key, std::deque<BlockRef>> blocks_ GUARDED_BY(mutex_);
  std::deque<Key> order_ GUARDED_BY(mutex_);  // one entry a block, oldest first
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace bimip::engine
