#include "engine/partition/due_partitions.h"

namespace bimip::engine {

void DuePartitions::set(Partition& partition, std::optional<Timestamp> due) {
  const auto known = times_.find(&partition);
  if (known != times_.end()) {
    if (due == known->second) return;
    order_.erase({known->second, &partition});
    times_.erase(known);
  }
  if (!due) return;
  times_.emplace(&partition, *due);
  order_.emplace(*due, &partition);
}

std::vector<Partition*> DuePartitions::take(Timestamp now) {
  std::vector<Partition*> taken;
  while (!order_.empty() && order_.begin()->first <= now) {
    taken.push_back(order_.begin()->second);
    times_.erase(taken.back());
    order_.erase(order_.begin());
  }
  return taken;
}

}  // namespace bimip::engine
