// AwarenessCore: what it is asked, and changes nothing.
#include <algorithm>

#include "frontend/services/awareness/awareness_core.h"
#include "frontend/services/awareness/precedence.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;
using engine::Status;

namespace {

// The first `most` behind `after`, in order.
bool cut(std::vector<std::string>& names, std::size_t most) {
  std::ranges::sort(names);
  if (names.size() <= most) return false;
  names.resize(most);
  return true;
}

}  // namespace

Relation AwarenessCore::relation(const std::string& owner, const std::string& other) const {
  const auto one = book_.find(owner);
  const auto two = book_.find(other);
  return one && two ? book_.relation(*one, *two) : Relation{};
}

Privacy AwarenessCore::privacy(const std::string& eid) const {
  const auto entity = book_.find(eid);
  return entity ? book_[*entity].privacy : Privacy{};
}

bool AwarenessCore::may_see_presence(const std::string& viewer, const std::string& owner) const {
  return viewer == owner || may_see(Aspect::kPresence, {.owner = privacy(owner),
                                                        .viewer = privacy(viewer),
                                                        .to_viewer = relation(owner, viewer),
                                                        .to_owner = relation(viewer, owner)});
}

bool AwarenessCore::may_look_back(const std::string& viewer, const std::string& owner) const {
  return viewer == owner ||
         may_see_it_gone(Aspect::kPresence, {.owner = privacy(owner),
                                             .viewer = privacy(viewer),
                                             .to_viewer = relation(owner, viewer),
                                             .to_owner = relation(viewer, owner)});
}

Standing AwarenessCore::standing_of(const std::string& eid, Moment now) const {
  const engine::Timestamp at = clock_.at(now);
  const auto number = book_.find(eid);
  if (!number) return {.now = at, .gone_at = at};
  const Entity& entity = book_[*number];
  const Published& published = entity.published;
  if (!is_shown(published.state))
    return {.now = at, .gone_at = at, .last_seen = published.last_seen};
  engine::Timestamp gone_at = std::max(entity.gone_at, published.since);
  for (const Device& device : entity.devices)
    gone_at = std::max(gone_at, device.seat.value() != 0 ? at : device.alive_at);
  return {.now = at, .gone_at = gone_at, .last_seen = gone_at};
}

RelationSeen AwarenessCore::relation_seen(const std::string& viewer,
                                          const std::string& other) const {
  const auto one = book_.find(viewer);
  const auto two = book_.find(other);
  return one && two ? between(*one, *two) : RelationSeen{.eid = other};
}

AwarenessCore::Relations AwarenessCore::relations_of(const std::string& eid,
                                                     const std::string& after,
                                                     std::size_t most) const {
  Relations found;
  const auto self = book_.find(eid);
  if (!self) return found;
  std::vector<EntityNumber> others = book_[*self].related;
  for (const Entity::HeldRelation& held : book_[*self].relations) others.push_back(held.other);
  std::ranges::sort(others);
  const auto twice = std::ranges::unique(others);
  others.erase(twice.begin(), twice.end());
  std::vector<std::string> names;
  for (const EntityNumber other : others) {
    // What one asked and nobody heard of is nothing to who does not hear of it.
    const RelationSeen seen = between(*self, other);
    const RelationSeen nothing{.eid = seen.eid};
    if (seen.eid > after && seen != nothing) names.push_back(seen.eid);
  }
  found.has_more = cut(names, most);
  for (const std::string& name : names)
    found.relations.push_back(between(*self, *book_.find(name)));
  return found;
}

std::vector<std::string> AwarenessCore::contacts_of(const std::string& eid,
                                                    const std::string& after,
                                                    std::size_t most) const {
  std::vector<std::string> names;
  const auto self = book_.find(eid);
  if (!self) return names;
  for (const EntityNumber other : book_[*self].related) {
    const std::string& name = book_[other].eid;
    if (name > after && book_.relation(other, *self).consent == Consent::kGranted)
      names.push_back(name);
  }
  (void)cut(names, most);
  return names;
}

Status AwarenessCore::may_know(const std::string& eid) const {
  if (book_.find(eid) || book_.size() < rules_.entities_max) return {};
  return engine::fail(ErrorCode::kBusy, "awareness.entities_max is reached");
}

Status AwarenessCore::may_relate(const std::string& owner, const std::string& other) const {
  const auto one = book_.find(owner);
  const auto two = book_.find(other);
  if (one && two && book_.relation(*one, *two) != Relation{}) return {};
  const std::size_t strangers = (one ? 0U : 1U) + (two ? 0U : 1U);
  if (book_.size() + strangers > rules_.entities_max)
    return engine::fail(ErrorCode::kBusy, "awareness.entities_max is reached");
  if (book_.relations() >= rules_.relations_max)
    return engine::fail(ErrorCode::kBusy, "awareness.relations_max is reached");
  if ((one && book_[*one].relations.size() >= limits::kRelationsMax) ||
      (two && book_[*two].related.size() >= limits::kRelationsMax)) {
    return engine::fail(ErrorCode::kBusy, "an entity has at most " +
                                              std::to_string(limits::kRelationsMax) + " relations");
  }
  return {};
}

const AwarenessCore::Numbers& AwarenessCore::numbers() {
  numbers_.entities = book_.size() - 1;  // but for kNobody
  numbers_.relations = book_.relations();
  numbers_.watches = watches_.size();
  numbers_.watched = watches_.edges();
  return numbers_;
}

}  // namespace bimip::frontend
