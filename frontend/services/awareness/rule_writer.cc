#include "frontend/services/awareness/rule_writer.h"

#include <algorithm>

#include "frontend/services/own_append.h"

namespace bimip::frontend {

using engine::ErrorCode;
using engine::Status;

namespace {

Status refusal(ConsentFault fault) {
  switch (fault) {
    case ConsentFault::kNothingAsked:
      return engine::fail(ErrorCode::kNotFound, "it has not asked for this entity's awareness");
    case ConsentFault::kNothingGiven:
      return engine::fail(ErrorCode::kNotFound, "it was not granted this entity's awareness");
    case ConsentFault::kNotSubscribed:
      return engine::fail(ErrorCode::kNotFound, "this entity is not subscribed to it");
  }
  return {};
}

std::string pair_of(const std::string& one, const std::string& two) {
  return std::min(one, two) + std::string(1, '\0') + std::max(one, two);
}

KeyedRecord record_of(const RuleRecord& rule) {
  const bool is_forgotten = !rule.other.empty() && rule.relation == Relation{};
  return {.key = rule_key(rule),
          .value = is_forgotten ? std::string() : encode(rule),
          .is_tombstone = is_forgotten};
}

}  // namespace

void RuleWriter::queue(TapedAwareness& core, const std::string& about, Moment now, Step step) {
  const auto [at, is_first] = waiting_.try_emplace(about);
  if (is_first) {
    step(core, now);
  } else {
    at->second.push_back(std::move(step));
  }
}

void RuleWriter::next(TapedAwareness& core, const std::string& about, Moment now) {
  const auto at = waiting_.find(about);
  if (at->second.empty()) {
    waiting_.erase(at);
    return;
  }
  Step step = std::move(at->second.front());
  at->second.pop_front();
  step(core, now);
}

// Decides by what is in force when its turn has come.
void RuleWriter::act(TapedAwareness& core, ConsentAct act, const std::string& actor,
                     const std::string& other, Moment now, Done done) {
  const std::string about = pair_of(actor, other);
  const auto begin = [this, act, actor, other, about](TapedAwareness& state, Moment at, Done end) {
    const auto refuse = [&](Status status) {
      end(std::move(status));
      next(state, about, at);
    };
    const Pair pair{.given = state.relation(actor, other), .taken = state.relation(other, actor)};
    const auto change = decide(act, pair, state.standing_of(actor, at));
    if (!change) return refuse(refusal(change.error()));
    std::vector<RuleRecord> rules;
    if (change->given && *change->given != pair.given)
      rules.push_back({.eid = actor, .other = other, .relation = *change->given});
    if (change->taken && *change->taken != pair.taken)
      rules.push_back({.eid = other, .other = actor, .relation = *change->taken});
    if (rules.empty()) return refuse({});
    for (const RuleRecord& rule : rules) {
      if (Status room = state.may_relate(rule.eid, rule.other); !room)
        return refuse(std::move(room));
    }
    append(about, std::move(rules), std::move(end));
  };
  queue(core, about, now,
        [begin, done = std::move(done)](TapedAwareness& state, Moment at) mutable {
          begin(state, at, std::move(done));
        });
}

void RuleWriter::set_privacy(TapedAwareness& core, const std::string& eid, const Privacy& change,
                             Moment now, Done done) {
  const auto begin = [this, eid, change](TapedAwareness& state, Moment at, Done end) {
    const Privacy before = state.privacy(eid);
    const auto chosen = [](Audience to, Audience from) {
      return to == Audience::kUnspecified ? from : to;
    };
    const Privacy privacy{.presence = chosen(change.presence, before.presence),
                          .last_seen = chosen(change.last_seen, before.last_seen),
                          .location = chosen(change.location, before.location)};
    Status room = state.may_know(eid);
    if (privacy == before || !room) {
      end(std::move(room));
      return next(state, eid, at);
    }
    append(eid, {{.eid = eid, .privacy = privacy}}, std::move(end));
  };
  queue(core, eid, now, [begin, done = std::move(done)](TapedAwareness& state, Moment at) mutable {
    begin(state, at, std::move(done));
  });
}

void RuleWriter::append(const std::string& about, std::vector<RuleRecord> rules, Done done) {
  std::vector<KeyedRecord> records;
  for (const RuleRecord& rule : rules) records.push_back(record_of(rule));
  auto in_force = [this, about, rules = std::move(rules), done = std::move(done)](
                      Status status, TapedAwareness& core, Moment now) mutable {
    for (const RuleRecord& rule : rules) {
      if (!status) break;
      if (rule.other.empty()) {
        core.apply_privacy(rule.eid, rule.privacy, now);
      } else {
        core.apply_relation(rule.eid, rule.other, rule.relation, now);
        if (parts_.blocks != nullptr)
          parts_.blocks->set(rule.eid, rule.other,
                             rule.relation.restriction == Restriction::kBlocked);
      }
    }
    done(std::move(status));
    next(core, about, now);
  };
  OwnAppend::begin({parts_.log, parts_.rules, parts_.in_flight}, std::move(records),
                   [this, in_force = std::move(in_force)](
                       const engine::Result<engine::Appended>& result) mutable {
                     Status status = result ? Status{} : std::unexpected(result.error());
                     parts_.post([in_force = std::move(in_force), status = std::move(status)](
                                     TapedAwareness& core, Moment now) mutable {
                       in_force(std::move(status), core, now);
                     });
                   });
}

}  // namespace bimip::frontend
