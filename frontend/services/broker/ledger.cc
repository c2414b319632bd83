#include "frontend/services/broker/ledger.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace bimip::frontend {

using engine::Offset;
using engine::OffsetRange;

void Ledger::deliver(Offset offset, Time due, std::uint32_t deliveries) {
  ++records_;
  next_time_ = std::min(next_time_, due);
  if (!entries_.empty()) {
    Entry& last = entries_.back();
    BIMIP_ASSERT(last.offsets.end <= offset);
    if (last.offsets.end == offset && last.due == due && last.deliveries == deliveries) {
      ++last.offsets.end;
      return;
    }
  }
  entries_.push_back(
      {.offsets = {.first = offset, .end = offset + 1}, .due = due, .deliveries = deliveries});
}

std::deque<Ledger::Entry>::iterator Ledger::first_from(Offset at) {
  return std::ranges::partition_point(entries_,
                                      [&](const Entry& entry) { return entry.offsets.end <= at; });
}

void Ledger::split(Offset at) {
  const auto entry = first_from(at);
  if (entry == entries_.end() || entry->offsets.first >= at) return;
  Entry front = *entry;
  front.offsets.end = at;
  entry->offsets.first = at;
  entries_.insert(entry, front);
}

void Ledger::deliver_again(OffsetRange offsets, Time due) {
  next_time_ = std::min(next_time_, due);
  split(offsets.first);
  split(offsets.end);
  for (auto entry = first_from(offsets.first);
       entry != entries_.end() && entry->offsets.first < offsets.end; ++entry) {
    entry->due = due;
    ++entry->deliveries;
  }
}

std::uint64_t Ledger::acknowledge(OffsetRange offsets) {
  if (offsets.end <= offsets.first) return 0;
  split(offsets.first);
  split(offsets.end);
  const auto begin = first_from(offsets.first);
  auto end = begin;
  std::uint64_t freed = 0;
  for (; end != entries_.end() && end->offsets.first < offsets.end; ++end)
    freed += end->offsets.end - end->offsets.first;
  entries_.erase(begin, end);
  records_ -= freed;
  return freed;
}

std::uint64_t Ledger::reject(OffsetRange offsets, Time due) {
  if (offsets.end <= offsets.first) return 0;
  next_time_ = std::min(next_time_, due);
  split(offsets.first);
  split(offsets.end);
  std::uint64_t rejected = 0;
  for (auto entry = first_from(offsets.first);
       entry != entries_.end() && entry->offsets.first < offsets.end; ++entry) {
    entry->due = due;
    rejected += entry->offsets.end - entry->offsets.first;
  }
  return rejected;
}

std::optional<DeliveredRange> Ledger::next_due(Time now) {
  if (now < next_time_) return std::nullopt;
  Time earliest = kNever;
  for (const Entry& entry : entries_) {
    if (entry.due != kNever && entry.due <= now)
      return DeliveredRange{.offsets = entry.offsets, .deliveries = entry.deliveries};
    earliest = std::min(earliest, entry.due);
  }
  next_time_ = earliest;
  return std::nullopt;
}

std::optional<Offset> Ledger::lowest() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.front().offsets.first;
}

std::vector<DeliveredRange> Ledger::ranges() const {
  std::vector<DeliveredRange> ranges;
  ranges.reserve(entries_.size());
  for (const Entry& entry : entries_)
    ranges.push_back({.offsets = entry.offsets, .deliveries = entry.deliveries});
  return ranges;
}

}  // namespace bimip::frontend
