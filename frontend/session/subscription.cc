#include "frontend/session/subscription.h"

#include <algorithm>

#include "frontend/session/group_seat.h"
#include "frontend/session/state_hash.h"

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

void Cursor::mix_into(StateHash& hash) const {
  hash.add(partition).add(life).add(next).add(visible_end);
  hash.add(resume)
      .add(lost.first)
      .add(lost.end)
      .add(placing)
      .add(fetching)
      .add(behind)
      .add(stuck)
      .add(started)
      .add(tells_end_at)
      .add(let_go_at)
      .add(committed);
  for (const DeliveredRange& range : ledger.ranges())
    hash.add(range.offsets.first).add(range.offsets.end).add(range.deliveries);
  hash.add(ledger.records()).add(attempts.size());
  for (const Waiting& one : waiting) hash.add(one.id).add(one.end);
}

void Subscription::mix_into(StateHash& hash) const {
  hash.add(id)
      .add(topic)
      .add(epoch)
      .add(start.kind)
      .add(filter.has_value())
      .add(acknowledges_itself)
      .add(tells_end);
  hash.add(redelivery.after).add(redelivery.deliveries_max).add(seat != nullptr);
  hash.add(credit).add(unacknowledged).add(turn).add(placing).add(request);
  hash.add(generation).add(told_taken.size()).add(last_life).add(cursors.size());
  for (const Cursor& cursor : cursors) cursor.mix_into(hash);
}

Cursor* Subscription::find(engine::PartitionId partition) {
  const auto found = std::ranges::find(cursors, partition, &Cursor::partition);
  return found == cursors.end() ? nullptr : &*found;
}

}  // namespace bimip::frontend
