#include "engine/partition/open_partitions.h"

#include <algorithm>

#include "engine/partition/partition.h"

namespace bimip::engine {

bool OpenPartitions::take(Partition& partition) {
  if (!waiting_.empty() || open_.size() >= partitions_max_) return false;
  open_.push_back(&partition);
  return true;
}

void OpenPartitions::gave_back(Partition& partition) {
  std::erase(open_, &partition);
  std::erase(waiting_, &partition);
}

void OpenPartitions::serve() {
  if (yielding_ > 0) take_from_yielding();
  while (!waiting_.empty() && (open_.size() < partitions_max_ || make_room())) {
    Partition* next = waiting_.front();
    waiting_.pop_front();
    open_.push_back(next);
    next->writer()->open_files();
  }
}

// Also when nobody waits any more: one that yields writes nothing until it has queued again.
void OpenPartitions::take_from_yielding() {
  yielding_ = 0;
  const std::vector<Partition*> open = open_;
  for (Partition* partition : open) {
    PartitionWriter& writer = *partition->writer();
    if (!writer.is_yielding()) continue;
    if (writer.can_give_back()) {
      writer.give_back_files();
    } else {
      ++yielding_;
    }
  }
}

bool OpenPartitions::make_room() {
  const auto idle = std::ranges::find_if(
      open_, [](Partition* partition) { return partition->writer()->can_give_back(); });
  if (idle != open_.end()) {
    (*idle)->writer()->give_back_files();
    return true;
  }
  const std::size_t wanted = std::min(waiting_.size(), open_.size());
  for (std::size_t i = 0; i < wanted; ++i) open_[i]->writer()->yield_files();
  yielding_ = std::max(yielding_, wanted);
  return false;
}

// What a degraded partition has open is what its readers read until it is reopened.
void OpenPartitions::take_from_idle(std::chrono::nanoseconds now) {
  const std::vector<Partition*> open = open_;
  for (Partition* partition : open) {
    PartitionWriter& writer = *partition->writer();
    if (!writer.degraded() && writer.can_give_back() &&
        now - writer.last_used() >= limits::kGiveBackAfter)
      writer.give_back_files();
  }
}

}  // namespace bimip::engine
