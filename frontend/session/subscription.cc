#include "frontend/session/subscription.h"

#include <algorithm>

namespace bimip::frontend {

void Cursor::delivered(OffsetRange range) {
  if (!unacknowledged.empty() && unacknowledged.back().end == range.first) {
    unacknowledged.back().end = range.end;
  } else {
    unacknowledged.push_back(range);
  }
}

std::uint64_t Cursor::acknowledge(Offset end) {
  std::uint64_t freed = 0;
  while (!unacknowledged.empty() && unacknowledged.front().first < end) {
    OffsetRange& oldest = unacknowledged.front();
    const Offset up_to = std::min(end, oldest.end);
    freed += up_to - oldest.first;
    oldest.first = up_to;
    if (oldest.first == oldest.end) unacknowledged.pop_front();
  }
  return freed;
}

Cursor* Subscription::find(engine::PartitionId partition) {
  const auto found = std::ranges::find(cursors, partition, &Cursor::partition);
  return found == cursors.end() ? nullptr : &*found;
}

}  // namespace bimip::frontend
