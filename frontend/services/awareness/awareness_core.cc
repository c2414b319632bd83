#include "frontend/services/awareness/awareness_core.h"

#include <algorithm>

#include "frontend/services/awareness/precedence.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;
using engine::Result;
using engine::Status;

Result<EntityNumber> AwarenessCore::enter(const std::string& eid) {
  if (const auto known = book_.find(eid)) return *known;
  if (book_.size() >= rules_.entities_max)
    return engine::fail(ErrorCode::kBusy, "awareness.entities_max is reached");
  return book_.add(eid);
}

Status AwarenessCore::load_privacy(const std::string& eid, const Privacy& privacy) {
  const auto entity = enter(eid);
  if (!entity) return std::unexpected(entity.error());
  book_[*entity].privacy = privacy;
  return {};
}

Status AwarenessCore::load_relation(const std::string& owner, const std::string& other,
                                    const Relation& relation) {
  const auto one = enter(owner);
  if (!one) return std::unexpected(one.error());
  const auto two = enter(other);
  if (!two) return std::unexpected(two.error());
  book_.set_relation(*one, *two, relation);
  // What is recorded from now on is not before what was decided.
  clock_.not_before(relation.granted_at);
  for (const Restricted& span : relation.restricted)
    clock_.not_before(std::max(span.from, span.until));
  return {};
}

Status AwarenessCore::load_state(const std::string& eid, const KeptState& state,
                                 engine::Timestamp ended_at, Moment now) {
  const auto number = enter(eid);
  if (!number) return std::unexpected(number.error());
  clock_.not_before(std::max(ended_at, state.published.since));
  Entity& entity = book_[*number];
  entity.published = state.published;
  if (entity.published.audiences.empty() && state.published.since != engine::Timestamp{})
    entity.published.audiences = {
        {.at = state.published.since, .audience = entity.privacy.presence}};
  numbers_.devices += state.devices.size();
  if (!state.devices.empty()) ++numbers_.there;
  for (const KeptDevice& kept : state.devices) {
    entity.devices.push_back({.name = kept.name,
                              .state = kept.state,
                              .text = kept.text,
                              .since = kept.since,
                              .order = ++order_,
                              .alive_at = std::max(ended_at, kept.since),
                              .due = now.monotonic + rules_.recover_within});
  }
  // Its devices may have changed after it was published for the last time.
  entity.is_dirty = !entity.devices.empty() || entity.published.state != UserState::kOffline;
  queue(*number);
  return {};
}

// What a device is no more, by the clock.
void AwarenessCore::forget_what_is_over(EntityNumber number, Moment now, const HeardAt& heard) {
  Entity& entity = book_[number];
  for (std::size_t i = entity.devices.size(); i-- > 0;) {
    Device& device = entity.devices[i];
    if (device.seat.value() != 0)
      device.due = std::max(device.due, heard.heard_at(device.seat) + rules_.lease);
    if (device.due <= now.monotonic) {
      if (lapses_) {
        if (device.seat.value() != 0) device.alive_at = now.wall;
        ++numbers_.lapses;
        remove_device(number, i);
        continue;
      }
      device.due = now.monotonic + rules_.lease;
    }
    if (!device.fleeting) continue;
    Device::Fleeting& fleeting = *device.fleeting;
    if (fleeting.position && fleeting.position_until <= now.monotonic) {
      fleeting.position.reset();
      entity.place_changed = true;
    }
    std::vector<std::string> over;
    std::erase_if(fleeting.activities, [&](const Device::HeldActivity& held) {
      if (held.until > now.monotonic) return false;
      over.push_back(held.activity.to);
      return true;
    });
    for (const std::string& to : over) change_activity(number, to);
  }
}

void AwarenessCore::look_at_entity(EntityNumber number, Moment now, const HeardAt& heard) {
  forget_what_is_over(number, now, heard);
  touch(number, now);
}

void AwarenessCore::queue(EntityNumber number) {
  Entity& entity = book_[number];
  Time due = Entity::kNever;
  if (entity.is_dirty) due = due_of(entity);
  if (entity.place_changed) due = std::min(due, place_due_of(entity));
  for (const Device& device : entity.devices) {
    due = std::min(due, device.due);
    if (!device.fleeting) continue;
    if (device.fleeting->position) due = std::min(due, device.fleeting->position_until);
    for (const auto& held : device.fleeting->activities) due = std::min(due, held.until);
  }
  if (due >= entity.queued) return;
  entity.queued = due;
  timetable_.add(due, {.is_watch = false, .number = number.value()});
}

void AwarenessCore::advance(Moment now, const HeardAt& heard) {
  now = clock_.follow(now);
  while (const auto entry = timetable_.take_due(now.monotonic)) {
    if (entry->item.is_watch) {
      const WatchNumber number(entry->item.number);
      if (watches_[number].queued != entry->due) continue;
      watches_[number].queued = Entity::kNever;
      watches_.look_at(number);
    } else {
      const EntityNumber number(entry->item.number);
      if (book_[number].queued != entry->due) continue;
      book_[number].queued = Entity::kNever;
      look_at_entity(number, now, heard);
    }
  }
  tell_marked(now);
}

// At once when the last time is long enough ago, else then. What hides somebody does not wait.
void AwarenessCore::touch(EntityNumber number, Moment now) {
  const Entity& entity = book_[number];
  if (entity.is_dirty && due_of(entity) <= now.monotonic) publish(number, now);
  if (entity.place_changed && place_due_of(entity) <= now.monotonic) publish_place(number, now);
  queue(number);
}

AwarenessCore::Time AwarenessCore::due_of(const Entity& entity) const {
  const Device* const device =
      entity.devices.empty() ? nullptr : &entity.devices[deciding(entity.devices)];
  const UserState state = device == nullptr ? UserState::kOffline : device->state;
  const bool was_shown = is_shown(entity.published.state);
  if (was_shown && !is_shown(state)) return Time{};
  const bool is_other = state != entity.published.state || entity.details_changed ||
                        entity.activity_changed ||
                        (device != nullptr && device->text != entity.published.text);
  const Time last =
      is_other && (was_shown || is_shown(state)) ? entity.shown_at : entity.published_at;
  return last == Time::min() ? Time{} : last + rules_.coalesce;
}

AwarenessCore::Time AwarenessCore::place_due_of(const Entity& entity) const {
  return entity.place_shown_at == Time::min() ? Time{} : entity.place_shown_at + rules_.coalesce;
}

// Whether what others are shown has changed.
bool AwarenessCore::take_over_devices(Entity& entity, Moment now) {
  UserState state = UserState::kOffline;
  std::string text;
  engine::Timestamp gone_at = now.wall;
  if (!entity.devices.empty()) {
    const Device& device = entity.devices[deciding(entity.devices)];
    state = device.state;
    text = device.text;
  } else {
    gone_at = entity.gone_at;
  }
  Published& published = entity.published;
  if (published.state == state && published.text == text) return false;
  if (published.state != state) {
    published.since = std::max(published.since, gone_at);
    published.audiences = {{.at = published.since, .audience = entity.privacy.presence}};
    if (is_shown(published.state) && !is_shown(state)) published.last_seen = published.since;
  }
  published.state = state;
  published.text = std::move(text);
  return true;
}

void AwarenessCore::record(const Entity& entity, engine::Timestamp at) {
  ++numbers_.transitions;
  transitions_.push_back({.eid = entity.eid,
                          .at = at,
                          .state = entity.published.state,
                          .text = entity.published.text,
                          .audience = entity.privacy.presence});
}

void AwarenessCore::publish(EntityNumber number, Moment now) {
  Entity& entity = book_[number];
  const UserState before = entity.published.state;
  const bool is_transition = take_over_devices(entity, now);
  if (is_transition)
    record(entity, before == entity.published.state ? now.wall : entity.published.since);
  const bool details = std::exchange(entity.details_changed, false) || is_transition;
  const bool activity = std::exchange(entity.activity_changed, false);
  const bool is_kept_other = std::exchange(entity.kept_changed, false) || is_transition;
  entity.is_dirty = false;
  if (is_kept_other) mark_stale(number);
  if (details || activity || is_kept_other) entity.published_at = now.monotonic;
  if (details) ++entity.presence_version;
  if (activity) ++entity.activity_version;
  if (!details && !activity) return;
  if (is_shown(before) || is_shown(entity.published.state)) entity.shown_at = now.monotonic;
  mark_watchers(number);
}

void AwarenessCore::publish_place(EntityNumber number, Moment now) {
  Entity& entity = book_[number];
  entity.place_changed = false;
  if (is_shown(entity.published.state)) entity.place_shown_at = now.monotonic;
  ++entity.place_version;
  mark_watchers(number);
}

void AwarenessCore::mark_stale(EntityNumber number) {
  if (!std::exchange(book_[number].is_stale, true)) stale_.push_back(number);
}

KeptState AwarenessCore::kept(EntityNumber number) {
  Entity& entity = book_[number];
  entity.is_stale = entity.kept_changed = false;
  std::vector<const Device*> devices;
  for (const Device& device : entity.devices) devices.push_back(&device);
  // So that the same one decides when they are loaded.
  std::ranges::sort(devices, {}, &Device::order);
  KeptState state{.published = entity.published};
  for (const Device* device : devices) {
    state.devices.push_back({.name = device->name,
                             .state = device->state,
                             .text = device->text,
                             .since = device->since});
  }
  return state;
}

}  // namespace bimip::frontend
