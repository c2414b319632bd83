#include "frontend/services/awareness/privacy.h"

#include <algorithm>

namespace bimip::frontend {
namespace {

Audience audience_of(Aspect aspect, const Privacy& privacy) {
  switch (aspect) {
    case Aspect::kPresence:
      return privacy.presence;
    case Aspect::kLastSeen:
      return privacy.last_seen;
    case Aspect::kLocation:
      return privacy.location;
  }
  return Audience::kNobody;
}

bool admits(Audience audience, const Relation& to_viewer) {
  switch (audience) {
    case Audience::kEveryone:
      return true;
    case Audience::kContacts:
      return to_viewer.consent == Consent::kGranted;
    case Audience::kContactsExcept:
      return to_viewer.consent == Consent::kGranted && to_viewer.restriction == Restriction::kNone;
    case Audience::kUnspecified:
    case Audience::kNobody:
      return false;
  }
  return false;
}

// A one-way consent is no refusal: it was not asked for the other way.
bool refuses(Audience audience, const Relation& relation) {
  return audience == Audience::kNobody ||
         (audience == Audience::kContactsExcept && relation.restriction == Restriction::kExcepted);
}

}  // namespace

bool may_see(Aspect aspect, const Sides& sides) {
  if (sides.to_viewer.restriction == Restriction::kBlocked ||
      sides.to_owner.restriction == Restriction::kBlocked) {
    return false;
  }
  if (aspect != Aspect::kLocation && refuses(audience_of(aspect, sides.viewer), sides.to_owner))
    return false;
  return admits(audience_of(aspect, sides.owner), sides.to_viewer);
}

std::optional<engine::Timestamp> visible_from(Audience audience, const Relation& to_viewer) {
  if (!admits(audience, to_viewer) || to_viewer.restriction == Restriction::kBlocked)
    return std::nullopt;
  if (audience == Audience::kEveryone) return to_viewer.admitted_at;
  return std::max(to_viewer.granted_at, to_viewer.admitted_at);
}

}  // namespace bimip::frontend
