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
  for (const EntityNumber entity : core.take_stale())
    write_state(core.name_of(entity), core.kept(entity));
}

void Trail::write_state(const std::string& eid, const KeptState& state) {
  std::string value = encode(StateRecord{.eid = eid, .state = state});
  const auto [at, is_first] = on_their_way_.try_emplace(eid);
  if (is_first) {
    append_state(eid, std::move(value));
  } else {
    at->second = std::move(value);
  }
}

void Trail::append_state(const std::string& eid, std::string value) {
  OwnAppend::begin(
      {parts_.log, parts_.states, parts_.in_flight},
      {{.key = state_key(eid), .value = std::move(value)}},
      [this, eid](const engine::Result<engine::Appended>& result) {
        parts_.post([this, eid, is_stored = result.has_value()] { on_state(eid, is_stored); });
      });
}

void Trail::on_state(const std::string& eid, bool is_stored) {
  if (!is_stored) refused_.add();
  const auto at = on_their_way_.find(eid);
  if (!is_stored || at->second.empty()) {
    on_their_way_.erase(at);
  } else {
    append_state(eid, std::exchange(at->second, {}));
  }
}

void Trail::mark_alive(engine::Timestamp at) {
  if (on_their_way_.try_emplace(std::string()).second)
    append_state({}, encode(StateRecord{.alive_at = at}));
}

void Trail::forget(const std::string& eid) {
  OwnAppend::begin({parts_.log, parts_.states, parts_.in_flight},
                   {{.key = state_key(eid), .is_tombstone = true}},
                   [](const engine::Result<engine::Appended>&) {});
}

}  // namespace bimip::frontend
