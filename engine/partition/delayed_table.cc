#include "engine/partition/delayed_table.h"

#include <algorithm>
#include <functional>

namespace bimip::engine {

DelayedTable::DelayedTable(const DelayedState& state) : heap_(state.records) {
  std::ranges::make_heap(heap_, std::greater<>());
}

void DelayedTable::add(const RecordFields& record, Offset offset) {
  if (record.not_before) {
    heap_.push_back({.due = *record.not_before, .offset = offset});
    std::ranges::push_heap(heap_, std::greater<>());
  } else if (record.producer && record.producer->id == kReleaseProducer) {
    const Offset held(record.producer->number.value());
    if (taken_.erase(held) == 0) {
      released_.insert(held);
      skip_released();
    }
  }
}

void DelayedTable::skip_released() {
  while (!heap_.empty() && released_.erase(heap_.front().offset) == 1) {
    std::ranges::pop_heap(heap_, std::greater<>());
    heap_.pop_back();
  }
}

std::vector<Offset> DelayedTable::take_due(Timestamp now, std::size_t count_max) {
  std::vector<Offset> due;
  skip_released();
  while (!heap_.empty() && heap_.front().due <= now && due.size() < count_max) {
    due.push_back(heap_.front().offset);
    taken_.emplace(heap_.front().offset, heap_.front().due);
    std::ranges::pop_heap(heap_, std::greater<>());
    heap_.pop_back();
    skip_released();
  }
  return due;
}

void DelayedTable::put_back(Offset offset) {
  const auto taken = taken_.find(offset);
  if (taken == taken_.end()) return;
  heap_.push_back({.due = taken->second, .offset = offset});
  std::ranges::push_heap(heap_, std::greater<>());
  taken_.erase(taken);
}

DelayedState DelayedTable::snapshot(Offset upto) const {
  DelayedState state{.upto = upto, .records = {}};
  state.records.reserve(size());
  for (const DelayedRecord& record : heap_) {
    if (!released_.contains(record.offset)) state.records.push_back(record);
  }
  for (const auto& [offset, due] : taken_) state.records.push_back({.due = due, .offset = offset});
  return state;
}

}  // namespace bimip::engine
