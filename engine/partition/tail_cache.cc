#include "engine/partition/tail_cache.h"

#include <algorithm>

namespace bimip::engine {

void TailCache::add(BlockRef block) {
  const Key where = key(block->header.identity.topic, block->header.identity.partition);
  std::vector<BlockRef> evicted;  // freed after the lock is gone
  const MutexLock lock(mutex_);
  bytes_ += block->memory->bytes().size();
  blocks_[where].push_back(std::move(block));
  order_.push_back(where);
  while (bytes_ > bytes_max_) {
    const auto oldest = blocks_.find(order_.front());
    order_.pop_front();
    bytes_ -= oldest->second.front()->memory->bytes().size();
    evicted.push_back(std::move(oldest->second.front()));
    oldest->second.pop_front();
    if (oldest->second.empty()) blocks_.erase(oldest);
  }
}

std::vector<BlockRef> TailCache::find(TopicId topic, PartitionId partition, OffsetRange wanted,
                                      std::size_t bytes_max) const {
  std::vector<BlockRef> found;
  const MutexLock lock(mutex_);
  const auto here = blocks_.find(key(topic, partition));
  if (here == blocks_.end()) return found;
  const std::deque<BlockRef>& blocks = here->second;
  auto next = std::ranges::upper_bound(
      blocks, wanted.first, {}, [](const BlockRef& block) { return block->header.base_offset; });
  if (next == blocks.begin()) return found;
  --next;
  if ((*next)->header.end_offset() <= wanted.first) return found;
  std::size_t bytes = 0;
  Offset at = (*next)->header.base_offset;
  for (; next != blocks.end() && at < wanted.end; ++next) {
    const BlockHeader& header = (*next)->header;
    if (header.base_offset != at || (bytes > 0 && bytes + header.payload_bytes > bytes_max)) break;
    found.push_back(*next);
    bytes += header.payload_bytes;
    at = header.end_offset();
  }
  return found;
}

void TailCache::drop(TopicId topic, PartitionId partition) {
  const MutexLock lock(mutex_);
  const auto here = blocks_.find(key(topic, partition));
  if (here == blocks_.end()) return;
  for (const BlockRef& block : here->second) bytes_ -= block->memory->bytes().size();
  std::erase(order_, here->first);
  blocks_.erase(here);
}

}  // namespace bimip::engine
