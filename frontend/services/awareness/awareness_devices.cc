// AwarenessCore: what devices say.
#include <algorithm>

#include "frontend/services/awareness/awareness_core.h"
#include "frontend/services/awareness/precedence.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;
using engine::Result;
using engine::Status;

namespace {

Device::Fleeting& fleeting_of(Device& device) {
  if (!device.fleeting) device.fleeting = std::make_unique<Device::Fleeting>();
  return *device.fleeting;
}

}  // namespace

Device* AwarenessCore::find_device(const SeatOf& seat, EntityNumber* entity) {
  const auto known = book_.find(seat.eid);
  if (!known) return nullptr;
  *entity = *known;
  auto& devices = book_[*known].devices;
  const auto found = std::ranges::find_if(devices, [&](const Device& device) {
    return device.name == seat.device && device.seat == seat.seat;
  });
  return found == devices.end() ? nullptr : &*found;
}

// The newest seat of a device is the one that counts: what an older one says later is not heard.
Result<UserState> AwarenessCore::announce(const SeatOf& seat, Announcement announcement,
                                          Moment now) {
  now = clock_.follow(now);
  const auto number = enter(seat.eid);
  if (!number) return std::unexpected(number.error());
  Entity& entity = book_[*number];
  auto device = std::ranges::find(entity.devices, seat.device, &Device::name);
  if (device != entity.devices.end() && device->seat > seat.seat)
    return engine::fail(ErrorCode::kSuperseded, "the device is on another session");
  if (announcement.state == UserState::kOffline) {
    if (device != entity.devices.end()) {
      device->seat = seat.seat;
      leave(seat, Leaving::kSaid, now);
    }
    const UserState left = entity.devices.empty() ? UserState::kOffline
                                                  : entity.devices[deciding(entity.devices)].state;
    book_.forget_stranger(*number);
    return left;
  }
  if (device == entity.devices.end()) {
    if (entity.devices.size() >= limits::kAwarenessDevicesMax)
      return engine::fail(ErrorCode::kBusy, "an entity has at most " +
                                                std::to_string(limits::kAwarenessDevicesMax) +
                                                " devices with awareness");
    device = entity.devices.insert(entity.devices.end(), {.name = seat.device});
    device->since = now.wall;
    device->order = ++order_;
    entity.kept_changed = true;
    ++numbers_.devices;
    if (entity.devices.size() == 1) ++numbers_.there;
  }
  device->seat = seat.seat;
  device->due = now.monotonic + rules_.lease;
  if (announcement.state != UserState::kUnspecified && device->state != announcement.state) {
    device->since = now.wall;
    device->order = ++order_;
    device->state = announcement.state;
    entity.kept_changed = true;
    // Whoever hides must not be found in sight by what comes after a crash.
    if (!is_shown(device->state)) mark_stale(*number);
  }
  if (announcement.text && device->text != *announcement.text) {
    device->text = std::move(*announcement.text);
    entity.kept_changed = true;
  }
  if (announcement.system) {
    Device::Fleeting& fleeting = fleeting_of(*device);
    entity.details_changed = entity.details_changed || fleeting.system != announcement.system;
    fleeting.system = std::move(announcement.system);
    fleeting.system_order = ++order_;
  }
  entity.is_dirty = entity.is_dirty || entity.kept_changed || entity.details_changed;
  const UserState merged = entity.devices[deciding(entity.devices)].state;
  touch(*number, now);
  tell_marked(now);
  return merged;
}

void AwarenessCore::leave(const SeatOf& seat, Leaving leaving, Moment now) {
  now = clock_.follow(now);
  EntityNumber number{};
  Device* const device = find_device(seat, &number);
  if (device == nullptr) return;
  device->seat = {};
  device->alive_at = now.wall;
  device->due = now.monotonic + (leaving == Leaving::kSaid ? Time{} : rules_.grace);
  if (leaving == Leaving::kSaid) {
    auto& devices = book_[number].devices;
    remove_device(number, static_cast<std::size_t>(device - devices.data()));
  }
  touch(number, now);
  tell_marked(now);
}

void AwarenessCore::remove_device(EntityNumber number, std::size_t place) {
  Entity& entity = book_[number];
  const Device& device = entity.devices[place];
  entity.is_dirty = entity.kept_changed = true;
  entity.gone_at = std::max(entity.gone_at, device.alive_at);
  if (device.fleeting) {
    const Device::Fleeting& fleeting = *device.fleeting;
    entity.details_changed = entity.details_changed || fleeting.system.has_value();
    entity.place_changed = entity.place_changed || fleeting.position.has_value();
  }
  std::vector<std::string> over;
  if (device.fleeting) {
    for (const auto& held : device.fleeting->activities) over.push_back(held.activity.to);
  }
  entity.devices.erase(entity.devices.begin() + static_cast<std::ptrdiff_t>(place));
  --numbers_.devices;
  if (entity.devices.empty()) --numbers_.there;
  for (const std::string& to : over) change_activity(number, to);
}

Status AwarenessCore::set_activity(const SeatOf& seat, Activity activity, Time lasts, Moment now) {
  now = clock_.follow(now);
  EntityNumber number{};
  Device* const device = find_device(seat, &number);
  if (device == nullptr)
    return engine::fail(ErrorCode::kNotFound, "the device was not announced by SetAwareness");
  auto& held = fleeting_of(*device).activities;
  const auto same =
      std::ranges::find(held, activity.to, [](const auto& one) { return one.activity.to; });
  if (activity.name.empty()) {
    if (same == held.end()) return {};
    held.erase(same);
  } else if (same != held.end()) {
    same->until = now.monotonic + lasts;
    // Renewed: nobody need be told.
    if (same->activity == activity) {
      queue(number);
      return {};
    }
    same->activity = activity;
  } else {
    if (held.size() >= limits::kActivitiesMax)
      return engine::fail(
          ErrorCode::kBusy,
          "a device has at most " + std::to_string(limits::kActivitiesMax) + " activities");
    held.push_back({.activity = activity, .until = now.monotonic + lasts});
  }
  change_activity(number, activity.to);
  touch(number, now);
  tell_marked(now);
  return {};
}

// Of one that is for somebody nobody else hears, and nothing that others hear waits for it.
void AwarenessCore::change_activity(EntityNumber number, const std::string& to) {
  if (to.empty()) {
    book_[number].activity_changed = book_[number].is_dirty = true;
    return;
  }
  mark_whisper(number, number);
  if (const auto other = book_.find(to)) mark_whisper(number, *other);
}

Status AwarenessCore::set_position(const SeatOf& seat, std::optional<Position> position, Time lasts,
                                   Moment now) {
  now = clock_.follow(now);
  EntityNumber number{};
  Device* const device = find_device(seat, &number);
  if (device == nullptr)
    return engine::fail(ErrorCode::kNotFound, "the device was not announced by SetAwareness");
  Device::Fleeting& fleeting = fleeting_of(*device);
  book_[number].place_changed = true;
  fleeting.position = position;
  fleeting.position_order = ++order_;
  fleeting.position_until = now.monotonic + lasts;
  touch(number, now);
  tell_marked(now);
  return {};
}

}  // namespace bimip::frontend
