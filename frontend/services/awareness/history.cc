#include "frontend/services/awareness/history.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "frontend/services/awareness/privacy.h"
#include "frontend/services/awareness/records.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;
using engine::IncrementId;

namespace {

Transition offline_at(engine::Timestamp at) { return {.at = at, .state = UserState::kOffline}; }

void add(std::vector<Transition>& visible, Transition transition) {
  if (!visible.empty() && visible.back().state == transition.state &&
      visible.back().text == transition.text) {
    return;
  }
  visible.push_back(std::move(transition));
}

}  // namespace

std::vector<Transition> visible_part(const std::vector<Transition>& transitions,
                                     engine::Timestamp until, const Reader& reader) {
  std::vector<Transition> visible;
  for (std::size_t i = 0; i < transitions.size(); ++i) {
    Transition one = transitions[i];
    if (reader.is_own) {
      add(visible, std::move(one));
      continue;
    }
    const engine::Timestamp end = i + 1 < transitions.size() ? transitions[i + 1].at : until;
    const auto from = visible_from(one.audience, reader.relation);
    if (!from || *from >= end || one.state == UserState::kInvisible) {
      add(visible, offline_at(one.at));
      continue;
    }
    if (*from > one.at) add(visible, offline_at(one.at));
    one.at = std::max(one.at, *from);
    add(visible, std::move(one));
  }
  return visible;
}

// Page by page. Owns itself until it is done.
class History::Reading final : public engine::EntityReadRequest {
 public:
  Reading(History& history, HistoryQuery query, Then then)
      : history_(history), query_(std::move(query)), then_(std::move(then)) {
    topic = history_.topic_;
    key = engine::as_bytes(query_.eid);
    order = engine::EntityOrder::kNewestFirst;
    records_max = limits::kTransitionsPerStanza;
  }
  void read() { history_.log_.read_entity(*this); }

  void on_entity_read(engine::Result<engine::EntityBatch> result) override {
    if (!result && result.error().code == ErrorCode::kNotFound) return end({});
    if (!result) return end(std::unexpected(std::move(result.error())));
    for (const engine::Record& record : result->records()) {
      auto transition = decode_transition(record.value);
      if (!transition || transition->at >= query_.until) continue;
      // One more than is asked for tells what was before.
      if (found_.size() > query_.most) return finish(true);
      const bool is_first = transition->at <= query_.from;
      found_.push_back(std::move(*transition));
      if (is_first) return finish(false);
    }
    if (result->next() == IncrementId(0)) return finish(false);
    from = result->next();
    read();
  }

 private:
  void finish(bool has_more) {
    std::ranges::reverse(found_);
    HistoryAnswer answer{.transitions = visible_part(found_, query_.until, query_.reader),
                         .has_more = has_more};
    if (has_more && !answer.transitions.empty())
      answer.transitions.erase(answer.transitions.begin());
    // Of what was in force at the begin only the last remains.
    auto& all = answer.transitions;
    while (all.size() > 1 && all[1].at <= query_.from) all.erase(all.begin());
    end(std::move(answer));
  }
  void end(engine::Result<HistoryAnswer> answer) {
    const std::unique_ptr<Reading> self(this);
    then_(std::move(answer));
    history_.in_flight_.ended();
  }

  History& history_;
  const HistoryQuery query_;
  Then then_;
  std::vector<Transition> found_;  // newest first
};

void History::read(HistoryQuery query, Then then) {
  in_flight_.begun();
  std::make_unique<Reading>(*this, std::move(query), std::move(then)).release()->read();
}

}  // namespace bimip::frontend
