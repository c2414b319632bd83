#include "engine/partition/segment_cache.h"

namespace bimip::engine {

Result<std::shared_ptr<const Segment>> SegmentCache::open(const SealedSegment::Place& place) {
  const Key key = key_of(place.segment);
  {
    const MutexLock lock(mutex_);
    const auto found = by_key_.find(key);
    if (found != by_key_.end()) {
      order_.splice(order_.end(), order_, found->second);
      return found->second->second;
    }
  }
  Result<std::shared_ptr<SealedSegment>> opened = SealedSegment::open(device_, place, pool_);
  if (!opened) return std::unexpected(std::move(opened.error()));
  std::shared_ptr<const Segment> evicted;  // closed after the lock is gone
  const MutexLock lock(mutex_);
  const auto [slot, is_new] = by_key_.try_emplace(key);
  if (is_new) slot->second = order_.insert(order_.end(), {key, *opened});
  if (order_.size() > segments_max_) {
    evicted = std::move(order_.front().second);
    by_key_.erase(order_.front().first);
    order_.pop_front();
  }
  return slot->second->second;
}

void SegmentCache::forget(const SegmentIdentity& segment) {
  std::shared_ptr<const Segment> forgotten;  // closed after the lock is gone
  const MutexLock lock(mutex_);
  const auto found = by_key_.find(key_of(segment));
  if (found == by_key_.end()) return;
  forgotten = std::move(found->second->second);
  order_.erase(found->second);
  by_key_.erase(found);
}

}  // namespace bimip::engine
