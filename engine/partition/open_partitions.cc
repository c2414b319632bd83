#include "engine/partition/open_partitions.h"

#include <algorithm>

#include "engine/partition/partition.h"

namespace bimip::engine {

void OpenPartitions::gave_back(Partition& partition) {
  std::erase(open_, &partition);
  std::erase(waiting_, &partition);
}

void OpenPartitions::serve() {
  while (!waiting_.empty() && (open_.size() < partitions_max_ || make_room())) {
    Partition* next = waiting_.front();
    waiting_.pop_front();
    open_.push_back(next);
    next->writer()->open_files();
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
  return false;
}

void OpenPartitions::take_from_idle(std::chrono::nanoseconds now) {
  const std::vector<Partition*> open = open_;
  for (Partition* partition : open) {
    PartitionWriter& writer = *partition->writer();
    if (writer.can_give_back() && now - writer.last_used() >= limits::kGiveBackAfter)
      writer.give_back_files();
  }
}

}  // namespace bimip::engine
