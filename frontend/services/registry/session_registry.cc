#include "frontend/services/registry/session_registry.h"

#include <utility>

#include "frontend/services/own_topic.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;

engine::Result<std::unique_ptr<SessionRegistry>> SessionRegistry::open(engine::Log& log,
                                                                       const engine::Clock& clock) {
  auto topic = find_or_create(log, kTopic, {.compaction = engine::Compaction::kNewest});
  if (!topic) return std::unexpected(std::move(topic.error()));
  std::unique_ptr<SessionRegistry> registry(new SessionRegistry(log, clock, topic->id));
  // A device whose record is lost begins anew; it is no reason not to serve.
  const engine::Status loaded = read_all_and_wait(
      log, topic->id, [&](const engine::Record& record) { registry->apply(record); });
  if (!loaded) return engine::fail_at(kTopic, std::move(loaded.error()));
  registry->begin();
  return registry;
}

void SessionRegistry::apply(const engine::Record& record) {
  const std::optional<DeviceKey> key = decode_device_key(record.key);
  if (!key) return;
  const engine::MutexLock lock(mutex_);
  if (record.kind == engine::RecordKind::kTombstone) {
    entries_.erase(*key);
    return;
  }
  std::optional<DeviceFacts> facts = decode_device(record.value);
  if (facts) entries_[*key].facts = std::move(*facts);
}

// Those that had a session are counted as connected until their time is over: nobody flaps because
// the server was started again, and nobody stays for ever.
void SessionRegistry::begin() {
  const engine::Timestamp now = clock_.now();
  const engine::MutexLock lock(mutex_);
  for (Entries::value_type& entry : entries_) {
    const DeviceFacts& facts = entry.second.facts;
    ++count_of(facts.state);
    if (facts.state == DeviceState::kConnected) set_due(entry, now + limits::kSuspendAfter);
    if (facts.state == DeviceState::kSuspended) set_due(entry, facts.since + limits::kExpireAfter);
    if (facts.state == DeviceState::kExpired) set_due(entry, facts.since + limits::kForgetAfter);
  }
}

std::uint64_t& SessionRegistry::count_of(DeviceState state) {
  if (state == DeviceState::kConnected) return numbers_.connected;
  return state == DeviceState::kSuspended ? numbers_.suspended : numbers_.expired;
}

void SessionRegistry::set_due(Entries::value_type& entry, std::optional<engine::Timestamp> due) {
  if (entry.second.due) due_.erase({*entry.second.due, entry.first});
  entry.second.due = due;
  if (due) due_.emplace(*due, entry.first);
}

void SessionRegistry::set_state(Entries::value_type& entry, DeviceState state,
                                engine::Timestamp since) {
  --count_of(entry.second.facts.state);
  ++count_of(state);
  entry.second.facts.state = state;
  entry.second.facts.since = since;
  entry.second.is_dirty = true;
}

engine::Result<std::uint64_t> SessionRegistry::enter(const Entering& entering) {
  Appends appends;
  std::uint64_t epoch = 0;
  {
    const engine::MutexLock lock(mutex_);
    const auto [at, is_new] = entries_.try_emplace(entering.key);
    if (is_new && entries_.size() > limits::kDevicesMax) {
      entries_.erase(at);
      return engine::fail(ErrorCode::kBusy, "as many devices are known as there may be");
    }
    Entry& entry = at->second;
    if (is_new) {
      entry.facts.state = DeviceState::kConnected;
      ++numbers_.connected;
    }
    if (DeviceHolder* older = std::exchange(entry.holder, &entering.holder)) {
      ++numbers_.taken_over;
      older->on_taken_over();
    }
    entry.is_forgotten = false;
    epoch = ++entry.facts.epoch;
    entry.facts.session_id = entering.session_id;
    entry.facts.transport = entering.transport;
    set_state(*at, DeviceState::kConnected, clock_.now());
    set_due(*at, std::nullopt);
    write(*at, appends);
  }
  hand_over(std::move(appends));
  return epoch;
}

bool SessionRegistry::is_held(const DeviceKey& key) const {
  const engine::MutexLock lock(mutex_);
  const auto at = entries_.find(key);
  return at != entries_.end() && at->second.holder != nullptr;
}

// It is written when the device has not come back for a while: most come back at once.
void SessionRegistry::leave(const DeviceKey& key, std::uint64_t epoch) {
  const engine::MutexLock lock(mutex_);
  const auto at = entries_.find(key);
  if (at == entries_.end() || at->second.facts.epoch != epoch) return;
  at->second.holder = nullptr;
  set_due(*at, clock_.now() + limits::kSuspendAfter);
}

void SessionRegistry::on_tick() {
  const engine::Timestamp now = clock_.now();
  Appends appends;
  {
    const engine::MutexLock lock(mutex_);
    while (!due_.empty() && due_.begin()->first <= now) {
      const auto at = entries_.find(due_.begin()->second);
      on_due(*at, now);
      write(*at, appends);
    }
    for (const DeviceKey& key : std::exchange(refused_, {})) {
      const auto at = entries_.find(key);
      if (at != entries_.end()) write(*at, appends);
    }
  }
  hand_over(std::move(appends));
}

void SessionRegistry::on_due(Entries::value_type& entry, engine::Timestamp now) {
  switch (entry.second.facts.state) {
    case DeviceState::kConnected:
      set_state(entry, DeviceState::kSuspended, now);
      return set_due(entry, now + limits::kExpireAfter);
    case DeviceState::kSuspended:
      set_state(entry, DeviceState::kExpired, now);
      return set_due(entry, now + limits::kForgetAfter);
    case DeviceState::kExpired:
      entry.second.is_forgotten = entry.second.is_dirty = true;
      return set_due(entry, std::nullopt);
  }
}

void SessionRegistry::write(Entries::value_type& entry, Appends& appends) {
  Entry& device = entry.second;
  if (!device.is_dirty || device.on_its_way) return;
  device.is_dirty = false;
  device.on_its_way = true;
  KeyedRecord record{.key = encode_device_key(entry.first), .is_tombstone = device.is_forgotten};
  if (!device.is_forgotten) record.value = encode_device(entry.first, device.facts);
  appends.emplace_back(entry.first, std::move(record));
}

// Without the lock: a refusal is answered inside.
void SessionRegistry::hand_over(Appends appends) {
  for (auto& [key, record] : appends) {
    OwnAppend::begin({.log = log_, .topic = topic_, .in_flight = in_flight_}, {std::move(record)},
                     [this, key](const engine::Result<engine::Appended>& result) {
                       on_appended(key, result.has_value());
                     });
  }
}

void SessionRegistry::on_appended(const DeviceKey& key, bool stored) {
  Appends appends;
  {
    const engine::MutexLock lock(mutex_);
    const auto at = entries_.find(key);
    Entry& device = at->second;
    device.on_its_way = false;
    if (!stored) {
      device.is_dirty = true;
      refused_.insert(key);
      return;
    }
    if (device.is_forgotten && !device.is_dirty) {
      --count_of(device.facts.state);
      entries_.erase(at);
      return;
    }
    write(*at, appends);
  }
  hand_over(std::move(appends));
}

std::vector<SessionRegistry::Device> SessionRegistry::list(const std::string& eid,
                                                           const DeviceKey& after,
                                                           std::size_t devices_max) const {
  std::vector<Device> found;
  const engine::MutexLock lock(mutex_);
  auto at = entries_.upper_bound(after);
  if (!eid.empty() && after.eid < eid) at = entries_.lower_bound({.eid = eid});
  for (; at != entries_.end() && found.size() < devices_max; ++at) {
    if (!eid.empty() && at->first.eid != eid) break;
    found.push_back({.key = at->first, .facts = at->second.facts});
  }
  return found;
}

SessionRegistry::Numbers SessionRegistry::numbers() const {
  const engine::MutexLock lock(mutex_);
  return numbers_;
}

}  // namespace bimip::frontend
