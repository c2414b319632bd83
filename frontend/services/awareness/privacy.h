// Who may see what of whom. Pure.
#pragma once

#include <optional>

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

// The past: from when on the viewer may know what the owner was while `audience` was in force,
// provided that it may see the presence now. Nothing: never.
[[nodiscard]] std::optional<engine::Timestamp> visible_from(Audience audience,
                                                            const Relation& to_viewer);

}  // namespace bimip::frontend
