#include "engine/entity/entity_index.h"

#include <algorithm>
#include <ranges>

#include "engine/base/assert.h"

namespace bimip::engine {

void EntityIndex::load(const EntityHash& hash, const EntityRecord& newest) {
  const MutexLock lock(mutex_);
  make_room(hash);
  table_.put(hash, newest);
}

void EntityIndex::lose(const LostRecords& lost) {
  const MutexLock lock(mutex_);
  if (std::ranges::find(lost_, lost) == lost_.end()) lost_.push_back(lost);
}

void EntityIndex::set_incomplete() {
  const MutexLock lock(mutex_);
  complete_ = false;
}

std::uint64_t EntityIndex::lost_behind(const EntityHash& hash, std::optional<Offset> newest) const {
  std::uint64_t lost = 0;
  for (const LostRecords& range : lost_) {
    if (hash < range.first || hash > range.last) continue;
    const Offset first = newest ? std::max(range.offsets.first, *newest + 1) : range.offsets.first;
    if (first < range.offsets.end) lost += range.offsets.end - first;
  }
  return lost;
}

std::optional<EntityLink> EntityIndex::append(const EntityHash& hash, Offset offset) {
  const MutexLock lock(mutex_);
  std::optional<EntityRecord> before = table_.find(hash);
  const bool is_new = !before;
  if (!before && !complete_) {
    const auto learnt = learnt_.find(hash);
    if (learnt == learnt_.end()) return std::nullopt;
    before = learnt->second;
    learnt_.erase(learnt);
  }
  EntityLink link{.increment = IncrementId(1), .previous = {}};
  if (before) {
    link.increment = before->increment + 1;
    link.previous = before->offset;
  }
  if (!lost_.empty()) link.increment += lost_behind(hash, link.previous);
  if (is_new) make_room(hash);
  table_.put(hash, {.increment = link.increment, .offset = offset});
  on_their_way_.push_back({.hash = hash, .offset = offset, .before = before});
  return link;
}

void EntityIndex::published(Offset visible) {
  const MutexLock lock(mutex_);
  visible_ = visible;
  while (!on_their_way_.empty() && on_their_way_.front().offset < visible)
    on_their_way_.pop_front();
}

void EntityIndex::undo() {
  const MutexLock lock(mutex_);
  for (const Change& change : std::views::reverse(on_their_way_)) {
    if (change.before)
      table_.put(change.hash, *change.before);
    else
      table_.erase(change.hash);
  }
  on_their_way_.clear();
}

std::optional<EntityRecord> EntityIndex::published_of(EntityRecord newest) const {
  while (newest.offset >= visible_) {
    const auto change = std::ranges::lower_bound(on_their_way_, newest.offset, {}, &Change::offset);
    BIMIP_ASSERT(change != on_their_way_.end() && change->offset == newest.offset);
    if (!change->before) return std::nullopt;
    newest = *change->before;
  }
  return newest;
}

void EntityIndex::learn(const std::vector<Learnt>& learnt) {
  const MutexLock lock(mutex_);
  learnt_.clear();
  for (const Learnt& entity : learnt) learnt_[entity.hash] = entity.newest;
}

void EntityIndex::set_evictable_end(Offset end) {
  const MutexLock lock(mutex_);
  evictable_end_ = end;
}

bool EntityIndex::may_know(const EntityHash& hash) const {
  const MutexLock lock(mutex_);
  return !complete_ || table_.find(hash);
}

void EntityIndex::forget(const EntityHash& hash) {
  const MutexLock lock(mutex_);
  BIMIP_ASSERT(std::ranges::find(on_their_way_, hash, &Change::hash) == on_their_way_.end());
  table_.erase(hash);
  learnt_.erase(hash);
}

void EntityIndex::make_room(const EntityHash& hash) {
  if (table_.size() < entities_max_) return;
  if (table_.evict_near(hash, evictable_end_)) complete_ = false;
}

EntityIndex::Answer EntityIndex::find(const EntityHash& hash) const {
  const MutexLock lock(mutex_);
  const std::optional<EntityRecord> found = table_.find(hash);
  if (!found) return {.newest = {}, .elsewhere = !complete_};
  return {.newest = published_of(*found)};
}

bool EntityIndex::is_here(const EntityHash& hash) const {
  const MutexLock lock(mutex_);
  return complete_ || table_.find(hash) || learnt_.contains(hash);
}

EntityIndex::Page EntityIndex::list(const EntityHash& from, std::size_t max) const {
  const MutexLock lock(mutex_);
  Page page;
  std::vector<EntityNewest> here = table_.list(from, max + 1);
  if (here.size() > max) {
    page.next = here.back().hash;
    here.pop_back();
  }
  for (const EntityNewest& entity : here) {
    if (const std::optional<EntityRecord> newest = published_of(entity.newest))
      page.entities.push_back({.hash = entity.hash, .newest = *newest});
  }
  return page;
}

bool EntityIndex::is_complete() const {
  const MutexLock lock(mutex_);
  return complete_;
}

std::vector<LostRecords> EntityIndex::lost() const {
  const MutexLock lock(mutex_);
  return lost_;
}

std::size_t EntityIndex::size() const {
  const MutexLock lock(mutex_);
  return table_.size();
}

std::size_t EntityIndex::bytes() const {
  const MutexLock lock(mutex_);
  return table_.bytes();
}

}  // namespace bimip::engine
