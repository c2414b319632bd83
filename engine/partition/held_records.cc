#include "engine/partition/held_records.h"

#include <algorithm>
#include <functional>

#include "engine/base/assert.h"

namespace bimip::engine {

HeldRecords::HeldRecords(std::vector<HeldRecord> held) : heap_(std::move(held)) {
  std::ranges::make_heap(heap_, std::greater<>());
}

void HeldRecords::add(const RecordFields& record, Offset offset) {
  if (is_held(record)) {
    push({.due = *record.not_before, .offset = offset});
    return;
  }
  const std::optional<Offset> held = held_at(record);
  if (!held) return;
  const auto taken = taken_.find(*held);
  if (taken != taken_.end()) {
    taken->second.appended = true;
  } else {
    unmatched_.push_back(*held);
  }
}

void HeldRecords::settle() {
  if (unmatched_.empty()) return;
  std::ranges::sort(unmatched_);
  std::erase_if(heap_, [this](const HeldRecord& held) {
    return std::ranges::binary_search(unmatched_, held.offset);
  });
  std::ranges::make_heap(heap_, std::greater<>());
  unmatched_ = {};
  oldest_.reset();
}

std::optional<Timestamp> HeldRecords::next_due() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().due;
}

// Records come in offset order: the oldest stays the oldest until it goes.
std::optional<Offset> HeldRecords::oldest() {
  if (oldest_ || empty()) return oldest_;
  for (const HeldRecord& held : heap_)
    oldest_ = oldest_ ? std::min(*oldest_, held.offset) : held.offset;
  for (const auto& [offset, taken] : taken_)
    oldest_ = oldest_ ? std::min(*oldest_, offset) : offset;
  return oldest_;
}

std::vector<Offset> HeldRecords::in(OffsetRange range) const {
  std::vector<Offset> found;
  const auto look = [&](Offset offset) {
    if (offset >= range.first && offset < range.end) found.push_back(offset);
  };
  for (const HeldRecord& held : heap_) look(held.offset);
  for (const auto& [offset, taken] : taken_) look(offset);
  return found;
}

std::vector<HeldRecord> HeldRecords::snapshot() const {
  BIMIP_ASSERT(unmatched_.empty());
  std::vector<HeldRecord> held = heap_;
  for (const auto& [offset, taken] : taken_) {
    if (!taken.appended) held.push_back({.due = taken.due, .offset = offset});
  }
  return held;
}

std::vector<Offset> HeldRecords::take_due(Timestamp now, std::size_t count_max) {
  BIMIP_ASSERT(taken_.empty());
  std::vector<Offset> due;
  while (!heap_.empty() && heap_.front().due <= now && due.size() < count_max) {
    due.push_back(heap_.front().offset);
    taken_.emplace(heap_.front().offset, Taken{.due = heap_.front().due});
    std::ranges::pop_heap(heap_, std::greater<>());
    heap_.pop_back();
  }
  return due;
}

void HeldRecords::put_back(Offset offset) {
  const auto taken = taken_.find(offset);
  BIMIP_ASSERT(taken != taken_.end() && !taken->second.appended);
  push({.due = taken->second.due, .offset = offset});
  taken_.erase(taken);
}

void HeldRecords::give_up(Offset offset) {
  BIMIP_ASSERT(taken_.contains(offset));
  gone(offset);
  taken_.erase(offset);
}

void HeldRecords::released(std::span<const Offset> offsets) {
  for (const Offset offset : offsets) {
    gone(offset);
    taken_.erase(offset);
  }
}

void HeldRecords::put_back() {
  for (const auto& [offset, taken] : taken_) push({.due = taken.due, .offset = offset});
  taken_.clear();
}

void HeldRecords::push(const HeldRecord& held) {
  heap_.push_back(held);
  std::ranges::push_heap(heap_, std::greater<>());
}

void HeldRecords::gone(Offset offset) {
  if (oldest_ == offset) oldest_.reset();
}

}  // namespace bimip::engine
