#include "frontend/services/awareness/consent.h"

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

Relation restricted(Relation relation, Restriction restriction, engine::Timestamp now) {
  if (restriction == Restriction::kNone && relation.restriction != Restriction::kNone)
    relation.admitted_at = now;
  relation.restriction = restriction;
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
                                               engine::Timestamp now) {
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
      return grant(pair, now);
    case ConsentAct::kDeny:
      if (pair.given.consent == Consent::kDenied) return PairChange{};
      if (!is_asked) return std::unexpected(ConsentFault::kNothingAsked);
      return PairChange{.given = ended(pair.given, Consent::kDenied)};
    case ConsentAct::kCancel:
      if (pair.given.consent != Consent::kGranted)
        return std::unexpected(ConsentFault::kNothingGiven);
      return PairChange{.given = ended(pair.given, Consent::kNone)};
    case ConsentAct::kLift:
      return PairChange{.given = restricted(pair.given, Restriction::kNone, now)};
    case ConsentAct::kExcept:
      return PairChange{.given = restricted(pair.given, Restriction::kExcepted, now)};
    case ConsentAct::kBlock:
      return PairChange{.given = restricted(pair.given, Restriction::kBlocked, now)};
  }
  return PairChange{};
}

}  // namespace bimip::frontend
