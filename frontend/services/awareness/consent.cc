#include "frontend/services/awareness/consent.h"

#include <algorithm>
#include <utility>

#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

Relation granted(Relation relation, engine::Timestamp now) {
  if (relation.consent != Consent::kGranted) relation.granted_at = now;
  relation.consent = Consent::kGranted;
  relation.is_mutual = false;
  return relation;
}

Relation ended(Relation relation, Consent consent) {
  relation.consent = consent;
  relation.is_mutual = false;
  relation.granted_at = {};
  return relation;
}

bool is_open(const Restricted& one) { return one.until == engine::Timestamp{}; }

// What took no time hid nothing.
void close(Relation& relation, Restriction how, engine::Timestamp now) {
  std::erase_if(relation.restricted, [&](const Restricted& one) {
    return one.how == how && is_open(one) && one.from >= now;
  });
  for (Restricted& one : relation.restricted) {
    if (one.how == how && is_open(one)) one.until = now;
  }
}

bool has_open(const Relation& relation, Restriction how) {
  return std::ranges::any_of(relation.restricted,
                             [&](const Restricted& one) { return one.how == how && is_open(one); });
}

// The two oldest that are over become one, with what was between them: it hides more.
void open(Relation& relation, const Restricted& begun) {
  auto& all = relation.restricted;
  all.push_back(begun);
  if (all.size() <= limits::kRestrictedMax) return;
  const auto first = std::ranges::find_if_not(all, is_open);
  const auto second = std::find_if_not(first + 1, all.end(), is_open);
  if (second->how == Restriction::kBlocked && first->how != Restriction::kBlocked) {
    first->how = Restriction::kBlocked;
    first->last_seen = second->last_seen;
  }
  first->from = std::min(first->from, second->from);
  first->until = std::max(first->until, second->until);
  all.erase(second);
}

// Who was excepted and is blocked is still excepted: behind the block nothing comes into sight.
Relation restricted(Relation relation, Restriction restriction, const Standing& actor) {
  const Restriction before = std::exchange(relation.restriction, restriction);
  if (before == restriction) return relation;
  if (before == Restriction::kBlocked) close(relation, Restriction::kBlocked, actor.now);
  if (restriction == Restriction::kNone) close(relation, Restriction::kExcepted, actor.now);
  if (restriction == Restriction::kBlocked) {
    open(relation, {.how = restriction, .from = actor.gone_at, .last_seen = actor.last_seen});
  } else if (restriction == Restriction::kExcepted && !has_open(relation, restriction)) {
    open(relation, {.how = restriction, .from = actor.now});
  }
  return relation;
}

PairChange subscribe(const Pair& pair, bool is_mutual) {
  if (pair.taken.consent == Consent::kGranted) return {};
  Relation asked = pair.taken;
  asked.consent = Consent::kRequested;
  asked.is_mutual = is_mutual;
  return {.taken = asked};
}

// Who asked for both ways has consented by asking.
PairChange grant(const Pair& pair, engine::Timestamp now) {
  PairChange change{.given = granted(pair.given, now)};
  if (pair.given.is_mutual && pair.taken.consent != Consent::kGranted)
    change.taken = granted(pair.taken, now);
  return change;
}

}  // namespace

std::expected<PairChange, ConsentFault> decide(ConsentAct act, const Pair& pair,
                                               const Standing& actor) {
  // What a blocked one asks is not heard, so it cannot be answered.
  const bool is_asked =
      pair.given.consent == Consent::kRequested && pair.given.restriction != Restriction::kBlocked;
  switch (act) {
    case ConsentAct::kSubscribe:
    case ConsentAct::kSubscribeMutual:
      return subscribe(pair, act == ConsentAct::kSubscribeMutual);
    case ConsentAct::kUnsubscribe:
      if (pair.taken.consent == Consent::kNone)
        return std::unexpected(ConsentFault::kNotSubscribed);
      return PairChange{.taken = ended(pair.taken, Consent::kNone)};
    case ConsentAct::kGrant:
      if (pair.given.consent == Consent::kGranted) return PairChange{};
      if (!is_asked) return std::unexpected(ConsentFault::kNothingAsked);
      return grant(pair, actor.now);
    case ConsentAct::kDeny:
      if (pair.given.consent == Consent::kDenied) return PairChange{};
      if (!is_asked) return std::unexpected(ConsentFault::kNothingAsked);
      return PairChange{.given = ended(pair.given, Consent::kDenied)};
    case ConsentAct::kCancel:
      if (pair.given.consent != Consent::kGranted)
        return std::unexpected(ConsentFault::kNothingGiven);
      return PairChange{.given = ended(pair.given, Consent::kNone)};
    case ConsentAct::kLift:
      return PairChange{.given = restricted(pair.given, Restriction::kNone, actor)};
    case ConsentAct::kExcept:
      return PairChange{.given = restricted(pair.given, Restriction::kExcepted, actor)};
    case ConsentAct::kBlock:
      return PairChange{.given = restricted(pair.given, Restriction::kBlocked, actor)};
  }
  return PairChange{};
}

}  // namespace bimip::frontend
