// Sealed segments kept open, a store: the least recently used is closed first.
#pragma once

#include <list>
#include <memory>
#include <unordered_map>

#include "engine/base/thread_annotations.h"
#include "engine/segment/segment.h"

namespace bimip::engine {

// Bounds open files and maps whatever the number of segments. Thread-safe; opening happens outside
// its lock.
class SegmentCache {
 public:
  SegmentCache(Device& device, BufferPool& pool, std::size_t segments_max)
      : device_(device), pool_(pool), segments_max_(segments_max) {}

  [[nodiscard]] Device& device() const { return device_; }
  [[nodiscard]] Result<std::shared_ptr<const Segment>> open(const SealedSegment::Place& place);
  // Lets go of a segment that is no more. Who holds it keeps it.
  void forget(const SegmentIdentity& segment);
  // Not kept: of a segment that its writer has given back.
  [[nodiscard]] Result<std::shared_ptr<File>> open_file(const Path& path) const {
    return device_.open(path, OpenMode::kRead);
  }

 private:
  struct Key {
    std::uint64_t partition;  // topic and partition
    Epoch epoch;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      return std::hash<std::uint64_t>{}(key.partition * 0x9E3779B97F4A7C15ULL + key.epoch.value());
    }
  };
  [[nodiscard]] static Key key_of(const SegmentIdentity& segment) {
    return {.partition = (std::uint64_t{segment.topic.value()} << 32U) | segment.partition.value(),
            .epoch = segment.epoch};
  }
  using Order = std::list<std::pair<Key, std::shared_ptr<const Segment>>>;

  Device& device_;
  BufferPool& pool_;
  const std::size_t segments_max_;
  Mutex mutex_;
  Order order_ GUARDED_BY(mutex_);  // least recently used first
  std::unordered_map<Key, Order::iterator, KeyHash> by_key_ GUARDED_BY(mutex_);
};

}  // namespace bimip::engine
