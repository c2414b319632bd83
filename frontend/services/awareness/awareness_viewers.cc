// AwarenessCore: who may see what, and what viewers are told.
#include <algorithm>
#include <unordered_map>

#include "frontend/services/awareness/awareness_core.h"
#include "frontend/services/awareness/fingerprint.h"
#include "frontend/services/awareness/precedence.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;
using engine::Result;

namespace {

// kToBeComparedAgain: told, and then something changed that no version knows.
enum AspectBit : std::uint8_t {
  kSeesPresence = 1,
  kSeesLastSeen = 2,
  kSeesLocation = 4,
  kToBeComparedAgain = 8
};

}  // namespace

Sides AwarenessCore::sides(EntityNumber owner, EntityNumber viewer) const {
  return {.owner = book_[owner].privacy,
          .viewer = book_[viewer].privacy,
          .to_viewer = book_.relation(owner, viewer),
          .to_owner = book_.relation(viewer, owner)};
}

// Invisible is offline in everything, and so is who has blocked the viewer, so that not even the
// time of a change tells them apart: only what may be seen has a part in the version.
AwarenessCore::Visible AwarenessCore::visible(EntityNumber viewer, EntityNumber owner) const {
  constexpr std::uint64_t kSpread = 0x9E3779B97F4A7C15;
  const Entity& entity = book_[owner];
  const Published& published = entity.published;
  const Sides sides = this->sides(owner, viewer);
  const bool is_own = viewer == owner;
  const bool is_in_sight =
      is_own || (is_shown(published.state) && sides.to_viewer.restriction != Restriction::kBlocked);
  Visible visible;
  const auto depends_on = [&](auto what) {
    visible.version = (visible.version + static_cast<std::uint64_t>(what) + 1) * kSpread;
  };
  if (is_in_sight && (is_own || may_see(Aspect::kPresence, sides))) {
    visible.aspects |= kSeesPresence;
    visible.state = published.state;
    visible.since = is_own ? published.since : known_since(published.audiences, sides.to_viewer);
    depends_on(entity.presence_version);
    depends_on(entity.activity_version);
    depends_on(micros(visible.since));
  }
  if (!is_shown(visible.state) && (is_own || may_see_it_gone(Aspect::kLastSeen, sides))) {
    visible.aspects |= kSeesLastSeen;
    visible.last_seen =
        is_own ? published.last_seen
               : known_last_seen(sides.owner.last_seen, sides.to_viewer, published.last_seen);
    depends_on(micros(visible.last_seen));
  }
  if (is_in_sight && (is_own || may_see(Aspect::kLocation, sides))) {
    visible.aspects |= kSeesLocation;
    depends_on(entity.place_version);
  }
  return visible;
}

Seen AwarenessCore::seen_by(EntityNumber viewer, EntityNumber owner) const {
  const Entity& entity = book_[owner];
  const Visible visible = this->visible(viewer, owner);
  Seen seen{.eid = entity.eid,
            .state = visible.state,
            .since = visible.since,
            .last_seen = visible.last_seen};
  const bool sees_presence = (visible.aspects & kSeesPresence) != 0;
  if (sees_presence) seen.text = entity.published.text;
  std::uint64_t newest_system = 0;
  std::uint64_t newest_position = 0;
  for (const Device& device : entity.devices) {
    if (!device.fleeting) continue;
    const Device::Fleeting& fleeting = *device.fleeting;
    if (sees_presence && fleeting.system && fleeting.system_order > newest_system) {
      seen.system = fleeting.system;
      newest_system = fleeting.system_order;
    }
    if ((visible.aspects & kSeesLocation) != 0 && fleeting.position &&
        fleeting.position_order > newest_position) {
      seen.position = fleeting.position;
      newest_position = fleeting.position_order;
    }
    if (!sees_presence) continue;
    for (const Device::HeldActivity& held : device.fleeting->activities) {
      const Activity& activity = held.activity;
      const bool is_for =
          activity.to.empty() || viewer == owner || activity.to == book_[viewer].eid;
      const auto same = std::ranges::find(seen.activities, activity);
      if (is_for && same == seen.activities.end()) seen.activities.push_back(activity);
    }
  }
  return seen;
}

Seen AwarenessCore::see(const std::string& viewer, const std::string& owner) const {
  const auto one = book_.find(viewer);
  const auto two = book_.find(owner);
  // Who is not known has nothing to hide and nobody to see.
  if (!two) return {.eid = owner};
  if (one) return seen_by(*one, *two);
  return seen_by(kNobody, *two);
}

RelationSeen AwarenessCore::between(EntityNumber viewer, EntityNumber other) const {
  const Relation& given = book_.relation(viewer, other);
  const Relation& taken = book_.relation(other, viewer);
  RelationSeen seen{.eid = book_[other].eid,
                    .given = given.consent,
                    .taken = taken.consent,
                    .is_mutual = given.is_mutual || taken.is_mutual,
                    .restriction = given.restriction};
  // Who is blocked may ask; it is not heard.
  if (given.restriction == Restriction::kBlocked && given.consent != Consent::kGranted) {
    seen.given = Consent::kNone;
    seen.is_mutual = taken.is_mutual;
  }
  return seen;
}

Result<AwarenessCore::Watching> AwarenessCore::watch(SeatNumber seat, const std::string& viewer,
                                                     bool contacts,
                                                     const std::vector<std::string>& others,
                                                     Moment now) {
  now = clock_.follow(now);
  const auto self = enter(viewer);
  if (!self) return std::unexpected(self.error());
  std::vector<EntityNumber> listed;
  for (const std::string& eid : others) {
    const auto entity = enter(eid);
    if (!entity) {
      for (const EntityNumber entered : listed) book_.forget_stranger(entered);
      book_.forget_stranger(*self);
      return std::unexpected(entity.error());
    }
    listed.push_back(*entity);
  }
  const auto known = watches_.find(seat);
  const WatchNumber number = known ? *known : watches_.add(seat, *self);
  std::vector<EntityNumber> granting;
  if (contacts) {
    for (const EntityNumber other : book_[*self].related) {
      if (book_.relation(other, *self).consent == Consent::kGranted) granting.push_back(other);
    }
  }
  Watch& watch = watches_[number];
  const bool was_counts = watch.as_counts;
  watch.has_contacts = contacts;
  watch.as_counts = granting.size() > rules_.counts_above;
  watch.is_snapshot = true;
  for (WatchTarget& target : watch.targets) target.is_contact = target.is_listed = false;
  std::unordered_map<EntityNumber, std::uint32_t> there;
  for (std::uint32_t i = 0; i < watch.targets.size(); ++i)
    there.emplace(watch.targets[i].entity, i);
  const auto want = [&](EntityNumber entity, bool WatchTarget::* why) {
    const auto [at, is_new] = there.emplace(entity, 0);
    if (is_new) at->second = watches_.add_target(number, entity);
    watch.targets[at->second].*why = true;
    if (!watch.targets[at->second].is_told || was_counts || watch.as_counts)
      watches_.mark(number, at->second);
  };
  for (const EntityNumber entity : granting) want(entity, &WatchTarget::is_contact);
  for (const EntityNumber entity : listed) want(entity, &WatchTarget::is_listed);
  drop_unwanted(number);
  // Who has asked is part of what there is to know.
  for (const Entity::HeldRelation& held : book_[*self].relations) {
    if (contacts && between(*self, held.other).given == Consent::kRequested)
      watches_.mark_relation(number, book_[held.other].eid);
  }
  watches_.look_at(number);
  const Watching watching{.entities = watch.targets.size(), .as_counts = watch.as_counts};
  tell_marked(now);
  return watching;
}

void AwarenessCore::unwatch(SeatNumber seat) {
  const auto number = watches_.find(seat);
  if (!number) return;
  const EntityNumber viewer = watches_[*number].viewer;
  for (WatchTarget& target : watches_[*number].targets)
    target.is_contact = target.is_listed = false;
  drop_unwanted(*number);
  watches_.remove(*number);
  book_.forget_stranger(viewer);
}

void AwarenessCore::ready(SeatNumber seat, Moment now) {
  now = clock_.follow(now);
  const auto number = watches_.find(seat);
  if (!number) return;
  watches_[*number].is_ready = true;
  watches_.look_at(*number);
  tell_marked(now);
}

void AwarenessCore::drop(WatchNumber number, std::uint32_t target) {
  Watch& watch = watches_[number];
  const EntityNumber entity = watch.targets[target].entity;
  count(watch, watch.targets[target], UserState::kUnspecified);
  watches_.remove_target(number, target);
  if (entity != watch.viewer) book_.forget_stranger(entity);
}

void AwarenessCore::drop_unwanted(WatchNumber number) {
  const auto& targets = watches_[number].targets;
  for (auto i = static_cast<std::uint32_t>(targets.size()); i-- > 0;) {
    if (!targets[i].is_contact && !targets[i].is_listed) drop(number, i);
  }
}

bool AwarenessCore::looks_other(const Watch& watch, const WatchTarget& target) const {
  const Visible visible = this->visible(watch.viewer, target.entity);
  if (watch.as_counts && target.is_contact && target.state != visible.state) return true;
  if (watch.as_counts && !target.is_listed) return false;
  return !target.is_told || target.aspects != visible.aspects || target.version != visible.version;
}

// What changed and is hidden from the viewer leaves no mark: not even the order of what it is told
// depends on it.
void AwarenessCore::mark_if_other(WatchNumber number, std::uint32_t target) {
  if (looks_other(watches_[number], watches_[number].targets[target])) {
    watches_.mark(number, target);
  } else {
    ++numbers_.changes_saved;
  }
}

void AwarenessCore::mark_watchers(EntityNumber entity) {
  for (const Entity::Watcher& watcher : book_[entity].watchers)
    mark_if_other(watcher.watch, watcher.target);
}

void AwarenessCore::mark_viewers(EntityNumber entity, EntityNumber viewer) {
  for (const WatchNumber number : book_[viewer].watches) {
    if (const auto target = watches_.find_target(number, entity)) mark_if_other(number, *target);
  }
}

void AwarenessCore::mark_whisper(EntityNumber entity, EntityNumber viewer) {
  for (const WatchNumber number : book_[viewer].watches) {
    const auto place = watches_.find_target(number, entity);
    if (!place) continue;
    WatchTarget& target = watches_[number].targets[*place];
    if (watches_[number].as_counts && !target.is_listed) continue;
    if (target.is_told && target.fingerprint == fingerprint_of(seen_by(viewer, entity))) continue;
    target.aspects |= kToBeComparedAgain;
    watches_.mark(number, *place);
  }
}

void AwarenessCore::mark_seen_by(EntityNumber viewer) {
  for (const WatchNumber number : book_[viewer].watches) {
    for (std::uint32_t i = 0; i < watches_[number].targets.size(); ++i) mark_if_other(number, i);
  }
}

void AwarenessCore::mark_relation(EntityNumber entity, EntityNumber other) {
  for (const WatchNumber number : book_[entity].watches)
    watches_.mark_relation(number, book_[other].eid);
}

// Who is no contact any more is told of once more, as it looks then.
void AwarenessCore::set_contact(EntityNumber viewer, EntityNumber contact, bool is_one) {
  for (const WatchNumber number : book_[viewer].watches) {
    if (!watches_[number].has_contacts) continue;
    auto target = watches_.find_target(number, contact);
    if (!target && !is_one) continue;
    if (!target) target = watches_.add_target(number, contact);
    watches_[number].targets[*target].is_contact = is_one;
    watches_.mark(number, *target);
  }
}

void AwarenessCore::apply_privacy(const std::string& eid, const Privacy& privacy, Moment now) {
  now = clock_.follow(now);
  const EntityNumber number = book_.add(eid);
  Entity& entity = book_[number];
  const bool is_other_audience = entity.privacy.presence != privacy.presence;
  entity.privacy = privacy;
  // The past is looked at with the audience that was in force then.
  if (is_other_audience && entity.published.since != engine::Timestamp{}) {
    record(entity, now.wall);
    auto& audiences = entity.published.audiences;
    audiences.push_back({.at = now.wall, .audience = privacy.presence});
    if (audiences.size() > limits::kAudiencesRemembered) audiences.erase(audiences.begin());
    mark_stale(number);
  }
  mark_watchers(number);
  mark_seen_by(number);
  tell_marked(now);
}

void AwarenessCore::apply_relation(const std::string& owner, const std::string& other,
                                   const Relation& relation, Moment now) {
  now = clock_.follow(now);
  const EntityNumber one = book_.add(owner);
  const EntityNumber two = book_.add(other);
  const RelationSeen before_one = between(one, two);
  const RelationSeen before_two = between(two, one);
  const bool was_contact = book_.relation(one, two).consent == Consent::kGranted;
  book_.set_relation(one, two, relation);
  const bool is_contact = relation.consent == Consent::kGranted;
  if (was_contact != is_contact) set_contact(two, one, is_contact);
  mark_viewers(one, two);
  mark_viewers(two, one);
  if (between(one, two) != before_one) mark_relation(one, two);
  if (between(two, one) != before_two) mark_relation(two, one);
  tell_marked(now);
  book_.forget_stranger(one);
  book_.forget_stranger(two);
}

void AwarenessCore::tell_marked(Moment now) {
  for (const WatchNumber number : watches_.take_marked()) {
    if (watches_[number].seat.value() != 0) tell_when_due(number, now);
  }
}

void AwarenessCore::tell_when_due(WatchNumber number, Moment now) {
  Watch& watch = watches_[number];
  const bool has_news = watch.is_snapshot || !watch.dirty.empty() || !watch.dirty_relations.empty();
  if (!has_news || !watch.is_ready) return;
  const Time due = watch.told_at == Time::min() || watch.is_snapshot || watch.has_more
                       ? Time{}
                       : watch.told_at + rules_.coalesce;
  if (due <= now.monotonic) return tell(number, now);
  if (due >= watch.queued) return;
  watch.queued = due;
  timetable_.add(due, {.is_watch = true, .number = number.value()});
}

void AwarenessCore::count(Watch& watch, WatchTarget& target, UserState state) {
  if (!watch.as_counts && target.state == UserState::kUnspecified) return;
  if (target.state != UserState::kUnspecified)
    --watch.counts[static_cast<std::size_t>(target.state)];
  target.state = watch.as_counts && target.is_contact ? state : UserState::kUnspecified;
  if (target.state != UserState::kUnspecified)
    ++watch.counts[static_cast<std::size_t>(target.state)];
}

void AwarenessCore::tell_target(Watch& watch, WatchTarget& target, Told& told) {
  target.is_dirty = false;
  const Visible visible = this->visible(watch.viewer, target.entity);
  count(watch, target, visible.state);
  if (watch.as_counts && !target.is_listed) return;
  if (target.is_told && target.aspects == visible.aspects && target.version == visible.version) {
    ++numbers_.changes_saved;
    return;
  }
  target.aspects = visible.aspects;
  target.version = visible.version;
  Seen seen = seen_by(watch.viewer, target.entity);
  const std::uint64_t fingerprint = fingerprint_of(seen);
  if (target.is_told && target.fingerprint == fingerprint) {
    ++numbers_.changes_saved;
    return;
  }
  target.is_told = true;
  target.fingerprint = fingerprint;
  told.seen.push_back(std::move(seen));
}

void AwarenessCore::tell(WatchNumber number, Moment now) {
  Watch& watch = watches_[number];
  Told told{.seat = watch.seat};
  std::vector<std::uint32_t> unwanted;
  while (!watch.dirty.empty() && told.seen.size() < limits::kSeenPerStanza) {
    const std::uint32_t place = watch.dirty.back();
    watch.dirty.pop_back();
    WatchTarget& target = watch.targets[place];
    tell_target(watch, target, told);
    if (!target.is_contact && !target.is_listed) unwanted.push_back(place);
  }
  while (!watch.dirty_relations.empty() && told.relations.size() < limits::kSeenPerStanza) {
    told.relations.push_back(relation_seen(book_[watch.viewer].eid, watch.dirty_relations.back()));
    watch.dirty_relations.pop_back();
  }
  std::ranges::sort(unwanted, std::greater<>{});
  for (const std::uint32_t place : unwanted) drop(number, place);
  watch.has_more = !watch.dirty.empty() || !watch.dirty_relations.empty();
  if (watch.as_counts && !watch.has_more &&
      (watch.counts != watch.counts_told || watch.is_snapshot))
    told.counts = watch.counts_told = watch.counts;
  told.is_complete = watch.is_snapshot && !watch.has_more;
  if (told.is_complete) watch.is_snapshot = false;
  numbers_.changes_told += told.seen.size();
  if (told.seen.empty() && told.relations.empty() && !told.counts && !told.is_complete) return;
  watch.told_at = now.monotonic;
  watch.is_ready = false;
  told_.push_back(std::move(told));
}

}  // namespace bimip::frontend
