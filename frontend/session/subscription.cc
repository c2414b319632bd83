#include "frontend/session/subscription.h"

#include <algorithm>

#include "frontend/session/group_seat.h"

namespace bimip::frontend {

Subscription::Subscription() = default;
Subscription::~Subscription() = default;
Subscription::Subscription(Subscription&&) noexcept = default;
Subscription& Subscription::operator=(Subscription&&) noexcept = default;

std::uint32_t Cursor::attempts_of(Offset offset) const {
  const auto range = std::ranges::partition_point(
      attempts, [&](const DeliveredRange& one) { return one.offsets.end <= offset; });
  return range == attempts.end() || range->offsets.first > offset ? 0 : range->deliveries;
}

Cursor* Subscription::find(engine::PartitionId partition) {
  const auto found = std::ranges::find(cursors, partition, &Cursor::partition);
  return found == cursors.end() ? nullptr : &*found;
}

}  // namespace bimip::frontend
