#include "frontend/services/awareness/entity_book.h"

#include <algorithm>

namespace bimip::frontend {
namespace {

const Relation kStrangers{};

template <typename Relations>
auto place_of(Relations& relations, EntityNumber other) {
  return std::ranges::lower_bound(relations, other, {}, &Entity::HeldRelation::other);
}

}  // namespace

bool is_stranger(const Entity& entity) {
  return entity.devices.empty() && entity.relations.empty() && entity.related.empty() &&
         entity.watchers.empty() && entity.watches.empty() && entity.privacy == Privacy{} &&
         entity.published.since == engine::Timestamp{} && !entity.is_stale && !entity.is_dirty;
}

std::optional<EntityNumber> EntityBook::find(std::string_view eid) const {
  const auto found = by_eid_.find(eid);
  return found == by_eid_.end() ? std::nullopt : std::optional(found->second);
}

EntityNumber EntityBook::add(const std::string& eid) {
  if (const auto known = find(eid)) return *known;
  EntityNumber number(static_cast<std::uint32_t>(entities_.size()));
  if (free_.empty()) {
    entities_.emplace_back();
  } else {
    number = free_.back();
    free_.pop_back();
  }
  Entity& entity = (*this)[number];
  entity.eid = eid;
  by_eid_.emplace(entity.eid, number);
  return number;
}

void EntityBook::forget_stranger(EntityNumber number) {
  Entity& entity = (*this)[number];
  if (entity.eid.empty() || !is_stranger(entity)) return;
  by_eid_.erase(entity.eid);
  entity = Entity{};
  free_.push_back(number);
}

const Relation& EntityBook::relation(EntityNumber owner, EntityNumber other) const {
  const auto& relations = (*this)[owner].relations;
  const auto at = place_of(relations, other);
  return at == relations.end() || at->other != other ? kStrangers : at->relation;
}

void EntityBook::set_relation(EntityNumber owner, EntityNumber other, const Relation& relation) {
  auto& relations = (*this)[owner].relations;
  auto& related = (*this)[other].related;
  const auto at = place_of(relations, other);
  const bool is_there = at != relations.end() && at->other == other;
  if (relation == kStrangers) {
    if (!is_there) return;
    relations.erase(at);
    related.erase(std::ranges::lower_bound(related, owner));
    --relations_;
  } else if (is_there) {
    at->relation = relation;
  } else {
    relations.insert(at, {.other = other, .relation = relation});
    related.insert(std::ranges::lower_bound(related, owner), owner);
    ++relations_;
  }
}

}  // namespace bimip::frontend
