// Who may see what of whom. Pure.
#pragma once

#include <optional>
#include <vector>

#include "frontend/services/awareness/awareness_types.h"

namespace bimip::frontend {

enum class Aspect : std::uint8_t { kPresence, kLastSeen, kLocation };

// An entity and who looks at it.
struct Sides {
  const Privacy& owner;
  const Privacy& viewer;
  const Relation& to_viewer;  // what the owner lets the viewer know
  const Relation& to_owner;   // and the other way round
};

// Now. A block hides both from each other. Presence and last seen are mutual: who shows his to
// nobody, or not to the owner, does not see the owner's.
[[nodiscard]] bool may_see(Aspect aspect, const Sides& sides);
// As if the owner had not blocked the viewer: who is blocked sees one that went offline then, and
// of that what he might see otherwise.
[[nodiscard]] bool may_see_it_gone(Aspect aspect, const Sides& sides);
// Also behind a block.
[[nodiscard]] bool is_excepted(const Relation& to_viewer);

// The past, for who may see it now: by what was in force then, but for the viewer's own rules,
// which are about now.
struct KnownPart {
  engine::Timestamp begin{};
  engine::Timestamp end{};
  friend bool operator==(const KnownPart&, const KnownPart&) = default;
};
// What the viewer may know of a time in which the owner was in sight and `audience` was in force.
// In order.
[[nodiscard]] std::vector<KnownPart> known_parts(Audience audience, const Relation& to_viewer,
                                                 const KnownPart& time);
// Since when he knows of a state that goes on; the audiences since it began, in order. Zero: he
// does not.
[[nodiscard]] engine::Timestamp known_since(const std::vector<AudienceSince>& audiences,
                                            const Relation& to_viewer);
// When the owner was last in sight, as the viewer may know it. Zero: he may not.
[[nodiscard]] engine::Timestamp known_last_seen(Audience audience, const Relation& to_viewer,
                                                engine::Timestamp last_seen);

}  // namespace bimip::frontend
