#include "frontend/services/awareness/watches.h"

#include <algorithm>
#include <utility>

namespace bimip::frontend {

std::optional<WatchNumber> Watches::find(SeatNumber seat) const {
  const auto found = by_seat_.find(seat);
  return found == by_seat_.end() ? std::nullopt : std::optional(found->second);
}

WatchNumber Watches::add(SeatNumber seat, EntityNumber viewer) {
  WatchNumber number(static_cast<std::uint32_t>(watches_.size()));
  if (free_.empty()) {
    watches_.emplace_back();
  } else {
    number = free_.back();
    free_.pop_back();
  }
  Watch& watch = (*this)[number];
  watch.seat = seat;
  watch.viewer = viewer;
  by_seat_.emplace(seat, number);
  book_[viewer].watches.push_back(number);
  return number;
}

void Watches::remove(WatchNumber number) {
  Watch& watch = (*this)[number];
  while (!watch.targets.empty())
    remove_target(number, static_cast<std::uint32_t>(watch.targets.size() - 1));
  std::erase(book_[watch.viewer].watches, number);
  by_seat_.erase(watch.seat);
  // An entry of it may be in the timetable still, and among the marked: they find it as it is then.
  watch = Watch{.is_marked = watch.is_marked};
  free_.push_back(number);
}

std::uint32_t Watches::add_target(WatchNumber number, EntityNumber entity) {
  Watch& watch = (*this)[number];
  auto& watchers = book_[entity].watchers;
  const auto target = static_cast<std::uint32_t>(watch.targets.size());
  watch.targets.push_back({.entity = entity, .place = static_cast<std::uint32_t>(watchers.size())});
  watchers.push_back({.watch = number, .target = target});
  ++edges_;
  return target;
}

std::optional<std::uint32_t> Watches::find_target(WatchNumber number, EntityNumber entity) const {
  const auto& targets = (*this)[number].targets;
  const auto found = std::ranges::find(targets, entity, &WatchTarget::entity);
  if (found == targets.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - targets.begin());
}

// The last of each list takes the place of the one that goes.
void Watches::remove_target(WatchNumber number, std::uint32_t target) {
  Watch& watch = (*this)[number];
  const WatchTarget gone = watch.targets[target];
  if (gone.is_dirty) std::erase(watch.dirty, target);
  auto& watchers = book_[gone.entity].watchers;
  const Entity::Watcher moved = watchers.back();
  watchers[gone.place] = moved;
  (*this)[moved.watch].targets[moved.target].place = gone.place;
  watchers.pop_back();
  const auto last = static_cast<std::uint32_t>(watch.targets.size() - 1);
  if (target != last) {
    watch.targets[target] = watch.targets[last];
    const WatchTarget& now = watch.targets[target];
    book_[now.entity].watchers[now.place].target = target;
    if (now.is_dirty) *std::ranges::find(watch.dirty, last) = target;
  }
  watch.targets.pop_back();
  --edges_;
}

void Watches::mark(WatchNumber number, std::uint32_t target) {
  Watch& watch = (*this)[number];
  WatchTarget& marked = watch.targets[target];
  if (std::exchange(marked.is_dirty, true)) return;
  watch.dirty.push_back(target);
  look_at(number);
}

void Watches::mark_relation(WatchNumber number, const std::string& other) {
  Watch& watch = (*this)[number];
  auto& relations = watch.dirty_relations;
  if (std::ranges::find(relations, other) == relations.end()) relations.push_back(other);
  look_at(number);
}

void Watches::look_at(WatchNumber number) {
  if (!std::exchange((*this)[number].is_marked, true)) marked_.push_back(number);
}

std::vector<WatchNumber> Watches::take_marked() {
  for (const WatchNumber number : marked_) (*this)[number].is_marked = false;
  return std::exchange(marked_, {});
}

}  // namespace bimip::frontend
