#include "frontend/services/awareness/privacy.h"

#include <algorithm>
#include <ranges>

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
      return to_viewer.consent == Consent::kGranted && !is_excepted(to_viewer);
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

bool is_open(const Restricted& one) { return one.until == engine::Timestamp{}; }

// Whether it hides what was while `audience` was in force.
bool hides(const Restricted& one, Audience audience) {
  return one.how == Restriction::kBlocked || audience == Audience::kContactsExcept;
}

// A block of which it is not known when it began hides everything.
bool is_boundless(const Relation& relation) {
  return relation.restriction == Restriction::kBlocked &&
         std::ranges::none_of(relation.restricted, [](const Restricted& one) {
           return one.how == Restriction::kBlocked && is_open(one);
         });
}

// Apart from restrictions.
std::optional<KnownPart> consented_part(Audience audience, const Relation& to_viewer,
                                        const KnownPart& time) {
  if (is_boundless(to_viewer)) return std::nullopt;
  switch (audience) {
    case Audience::kEveryone:
      return time;
    case Audience::kContacts:
    case Audience::kContactsExcept: {
      const engine::Timestamp begin = std::max(time.begin, to_viewer.granted_at);
      if (to_viewer.consent != Consent::kGranted || begin >= time.end) return std::nullopt;
      return KnownPart{.begin = begin, .end = time.end};
    }
    case Audience::kUnspecified:
    case Audience::kNobody:
      return std::nullopt;
  }
  return std::nullopt;
}

std::vector<KnownPart> without(const std::vector<KnownPart>& parts, const Restricted& hidden) {
  std::vector<KnownPart> left;
  for (const KnownPart& part : parts) {
    const KnownPart before{.begin = part.begin, .end = std::min(part.end, hidden.from)};
    if (before.begin < before.end) left.push_back(before);
    if (is_open(hidden)) continue;
    const KnownPart after{.begin = std::max(part.begin, hidden.until), .end = part.end};
    if (after.begin < after.end) left.push_back(after);
  }
  return left;
}

}  // namespace

bool is_excepted(const Relation& to_viewer) {
  return to_viewer.restriction == Restriction::kExcepted ||
         std::ranges::any_of(to_viewer.restricted, [](const Restricted& one) {
           return one.how == Restriction::kExcepted && is_open(one);
         });
}

bool may_see(Aspect aspect, const Sides& sides) {
  return sides.to_viewer.restriction != Restriction::kBlocked && may_see_it_gone(aspect, sides);
}

bool may_see_it_gone(Aspect aspect, const Sides& sides) {
  if (sides.to_owner.restriction == Restriction::kBlocked) return false;
  if (aspect != Aspect::kLocation && refuses(audience_of(aspect, sides.viewer), sides.to_owner))
    return false;
  return admits(audience_of(aspect, sides.owner), sides.to_viewer);
}

std::vector<KnownPart> known_parts(Audience audience, const Relation& to_viewer,
                                   const KnownPart& time) {
  const auto consented = consented_part(audience, to_viewer, time);
  if (!consented) return {};
  std::vector<KnownPart> parts{*consented};
  for (const Restricted& one : to_viewer.restricted) {
    if (hides(one, audience)) parts = without(parts, one);
  }
  return parts;
}

engine::Timestamp known_since(const std::vector<AudienceSince>& audiences,
                              const Relation& to_viewer) {
  engine::Timestamp since{};
  engine::Timestamp end = engine::Timestamp::max();
  for (const AudienceSince& one : audiences | std::views::reverse) {
    if (one.at >= end) continue;
    const KnownPart time{.begin = one.at, .end = end};
    std::optional<KnownPart> last;
    if (to_viewer.restricted.empty()) {
      last = consented_part(one.audience, to_viewer, time);
    } else if (const auto parts = known_parts(one.audience, to_viewer, time); !parts.empty()) {
      last = parts.back();
    }
    if (!last || last->end != end) break;
    since = last->begin;
    if (since != one.at) break;
    end = one.at;
  }
  return since;
}

engine::Timestamp known_last_seen(Audience audience, const Relation& to_viewer,
                                  engine::Timestamp last_seen) {
  for (const Restricted& one : to_viewer.restricted | std::views::reverse) {
    if (one.how != Restriction::kBlocked) continue;
    const bool is_unseen = is_open(one) || (last_seen >= one.from && last_seen <= one.until);
    last_seen = is_unseen ? one.last_seen : std::max(last_seen, one.last_seen);
  }
  const bool is_before_consent =
      audience != Audience::kEveryone && last_seen < to_viewer.granted_at;
  return is_before_consent ? engine::Timestamp{} : last_seen;
}

}  // namespace bimip::frontend
