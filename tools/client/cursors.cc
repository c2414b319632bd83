#include "tools/client/cursors.h"

#include <algorithm>

namespace bimip::client {

void Cursors::on_subscribed(std::uint64_t subscription_id, const PartitionPosition& start) {
  const auto [found, is_new] = partitions_.try_emplace(start.partition);
  Cursor& cursor = found->second;
  cursor.subscription_id = subscription_id;
  if (!is_new) return;
  cursor.next_offset = start.next_offset;
  cursor.acknowledged = start.next_offset;
  cursor.end_offset = start.end_offset;
  if (cursor.next_offset < cursor.end_offset) ++behind_;
}

void Cursors::on_disconnected() {
  for (auto& [partition, cursor] : partitions_) cursor.acknowledged = cursor.next_offset;
  owed_ = 0;
}

Cursors::Verdict Cursors::take(std::uint32_t partition, std::uint64_t offset) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end() || offset > found->second.next_offset) return Verdict::kUnordered;
  if (offset < found->second.next_offset) return Verdict::kRepeated;
  move(found->second, offset + 1);
  ++owed_;
  return Verdict::kNew;
}

bool Cursors::skip(std::uint32_t partition, std::uint64_t first_offset, std::uint64_t end_offset) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end() || first_offset > found->second.next_offset ||
      end_offset <= found->second.next_offset) {
    return false;
  }
  move(found->second, end_offset);
  return true;
}

void Cursors::move(Cursor& cursor, std::uint64_t next_offset) {
  if (cursor.next_offset < cursor.end_offset && next_offset >= cursor.end_offset) --behind_;
  cursor.next_offset = next_offset;
}

bool Cursors::is_beyond_end(std::uint32_t partition, std::uint64_t offset) const {
  const auto found = partitions_.find(partition);
  return found != partitions_.end() && offset >= found->second.end_offset;
}

std::vector<PartitionPosition> Cursors::positions() const {
  std::vector<PartitionPosition> all;
  for (const auto& [partition, cursor] : partitions_) {
    all.push_back({.partition = partition,
                   .next_offset = cursor.next_offset,
                   .end_offset = cursor.end_offset});
  }
  return all;
}

std::vector<OwedAcknowledgement> Cursors::acknowledge() {
  std::vector<OwedAcknowledgement> all;
  for (auto& [partition, cursor] : partitions_) {
    if (cursor.acknowledged == cursor.next_offset) continue;
    cursor.acknowledged = cursor.next_offset;
    all.push_back({.subscription_id = cursor.subscription_id,
                   .partition = partition,
                   .end_offset = cursor.next_offset});
  }
  owed_ = 0;
  return all;
}

}  // namespace bimip::client
