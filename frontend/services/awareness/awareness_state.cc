// AwarenessCore: its state as a number, for comparing it with what it was in another run.
#include "engine/base/hash.h"
#include "frontend/services/awareness/awareness_core.h"
#include "frontend/services/awareness/awareness_words.h"

namespace bimip::frontend {

template <>
struct Members<Device::HeldActivity> {
  static auto of(auto& v) { return std::tie(v.activity, v.until); }
};
template <>
struct Members<Device::Fleeting> {
  static auto of(auto& v) {
    return std::tie(v.system, v.system_order, v.position, v.position_order, v.position_until,
                    v.activities);
  }
};
template <>
struct Members<Entity::HeldRelation> {
  static auto of(auto& v) { return std::tie(v.other, v.relation); }
};
template <>
struct Members<Entity::Watcher> {
  static auto of(auto& v) { return std::tie(v.watch, v.target); }
};
template <>
struct Members<WatchTarget> {
  static auto of(auto& v) {
    return std::tie(v.fingerprint, v.entity, v.place, v.version, v.aspects, v.state, v.is_told,
                    v.is_dirty, v.is_contact, v.is_listed);
  }
};
template <>
struct Members<Watch> {
  static auto of(auto& v) {
    return std::tie(v.seat, v.viewer, v.has_contacts, v.as_counts, v.is_ready, v.is_snapshot,
                    v.has_more, v.is_marked, v.targets, v.dirty, v.dirty_relations, v.counts,
                    v.counts_told, v.told_at, v.queued);
  }
};

namespace {

void put_all(TapeWriter& to, const auto&... values) { (put(to, values), ...); }

void put_entity(TapeWriter& to, const Entity& entity) {
  put_all(to, entity.eid, entity.privacy, entity.published, entity.devices.size());
  for (const Device& device : entity.devices) {
    put_all(to, device.name, device.seat, device.state, device.text, device.since, device.order,
            device.alive_at, device.due, device.fleeting != nullptr);
    if (device.fleeting) put(to, *device.fleeting);
  }
  put_all(to, entity.relations, entity.related, entity.watchers, entity.watches, entity.is_dirty,
          entity.kept_changed, entity.details_changed, entity.activity_changed,
          entity.place_changed, entity.is_stale, entity.published_at, entity.shown_at,
          entity.place_shown_at, entity.queued, entity.gone_at, entity.presence_version,
          entity.place_version, entity.activity_version);
}

}  // namespace

// Each part is hashed with what came before it for a seed: a copy of all of it would be large.
std::uint64_t AwarenessCore::state_hash() const {
  std::uint64_t hash = 0;
  std::string words;
  TapeMemory alone;
  const auto mix = [&](const auto& put_part) {
    words.clear();
    TapeWriter to(words, alone);
    put_part(to);
    hash = engine::xxh3_64(engine::as_bytes(words), hash);
  };
  for (std::uint32_t i = 0; i < book_.places(); ++i)
    mix([&](TapeWriter& to) { put_entity(to, book_[EntityNumber(i)]); });
  for (std::uint32_t i = 0; i < watches_.places(); ++i)
    mix([&](TapeWriter& to) { put(to, watches_[WatchNumber(i)]); });
  mix([&](TapeWriter& to) {
    put_all(to, told_, transitions_, stale_, lapses_, order_, timetable_.size(), clock_.shown(),
            clock_.since());
  });
  return hash;
}

}  // namespace bimip::frontend
