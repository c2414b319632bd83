#include "frontend/services/awareness/trail.h"

#include <utility>

#include "frontend/services/awareness/records.h"
#include "frontend/services/own_append.h"

namespace bimip::frontend {

void Trail::write(TapedAwareness& core) {
  for (const Transition& transition : core.take_transitions()) {
    OwnAppend::begin({parts_.log, parts_.history, parts_.in_flight},
                     {{.key = transition.eid, .value = encode(transition)}},
                     [this](const engine::Result<engine::Appended>& result) {
                       if (!result) parts_.post([this] { refused_.add(); });
                     });
  }
  for (const EntityNumber entity : core.take_stale()) {
    const std::string& eid = core.name_of(entity);
    write_state(eid, encode(StateRecord{.eid = eid, .state = core.kept(entity)}));
  }
}

void Trail::write_state(const std::string& eid, std::string value) {
  const auto [at, is_first] = on_their_way_.try_emplace(eid);
  Way& way = at->second;
  way.value = std::move(value);
  if (is_first || std::exchange(way.is_refused, false)) return append_state(eid, way);
  way.is_newer = true;
}

void Trail::append_state(const std::string& eid, Way& way) {
  OwnAppend::begin(
      {parts_.log, parts_.states, parts_.in_flight}, {{.key = state_key(eid), .value = way.value}},
      [this, eid](const engine::Result<engine::Appended>& result) {
        engine::Status status = result ? engine::Status{} : std::unexpected(result.error());
        parts_.post([this, eid, status = std::move(status)] { on_state(eid, status); });
      });
}

void Trail::on_state(const std::string& eid, const engine::Status& status) {
  const auto at = on_their_way_.find(eid);
  Way& way = at->second;
  if (!status) refused_.add();
  std::vector<Done> waited = std::exchange(way.for_this, {});
  if (std::exchange(way.is_newer, false)) {
    way.for_this = std::exchange(way.for_newer, {});
    append_state(eid, way);
  } else if (status) {
    on_their_way_.erase(at);
  } else {
    way.is_refused = true;
  }
  for (Done& done : waited) done(status);
}

void Trail::when_stored(const std::string& eid, Done done) {
  const auto at = on_their_way_.find(eid);
  if (at == on_their_way_.end()) return done({});
  Way& way = at->second;
  if (std::exchange(way.is_refused, false)) append_state(eid, way);
  (way.is_newer ? way.for_newer : way.for_this).push_back(std::move(done));
}

void Trail::try_again() {
  for (auto& [eid, way] : on_their_way_) {
    if (std::exchange(way.is_refused, false)) append_state(eid, way);
  }
}

// Of no entity: by the empty name.
void Trail::mark_alive(engine::Timestamp at) {
  write_state({}, encode(StateRecord{.alive_at = at}));
}

void Trail::forget(const std::string& eid) {
  OwnAppend::begin({parts_.log, parts_.states, parts_.in_flight},
                   {{.key = state_key(eid), .is_tombstone = true}},
                   [](const engine::Result<engine::Appended>&) {});
}

}  // namespace bimip::frontend
