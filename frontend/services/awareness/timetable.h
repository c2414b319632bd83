// What is due when: a heap in which nothing is ever moved.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

namespace bimip::frontend {

// Items say of themselves when they are due; an entry here is only the promise to look at one by
// then. An entry that was overtaken by an earlier one comes out all the same, and finds nothing to
// do. Taking costs what is due, however much is not. Thread-compatible.
template <typename Item>
class Timetable {
 public:
  using Time = std::chrono::nanoseconds;

  void add(Time due, Item item) {
    entries_.push_back({due, item});
    std::ranges::push_heap(entries_, Later{});
  }
  [[nodiscard]] std::optional<Time> next() const {
    return entries_.empty() ? std::nullopt : std::optional(entries_.front().due);
  }
  // The earliest that is due, with its time.
  struct Entry {
    Time due;
    Item item;
  };
  [[nodiscard]] std::optional<Entry> take_due(Time now) {
    if (entries_.empty() || entries_.front().due > now) return std::nullopt;
    std::ranges::pop_heap(entries_, Later{});
    const Entry entry = entries_.back();
    entries_.pop_back();
    return entry;
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const { return a.due > b.due; }
  };
  std::vector<Entry> entries_;
};

}  // namespace bimip::frontend
