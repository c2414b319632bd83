// Awareness in stanzas and out of them. For sources only: it includes the stanzas.
#pragma once

#include <optional>
#include <string>

#include "bimip/v1/awareness.pb.h"
#include "frontend/services/awareness/history.h"

namespace bimip::frontend {

void describe(const Seen& seen, v1::AwarenessView& into);
void describe(const RelationSeen& relation, v1::AwarenessRelation& into);
void describe(const StateCounts& counts, v1::AwarenessCounts& into);
void describe(const Privacy& privacy, v1::AwarenessPrivacy& into);
void describe(const Transition& transition, v1::AwarenessTransition& into);
[[nodiscard]] SystemFacts facts_of(const v1::SystemState& system);
[[nodiscard]] Position position_of(const v1::Location& location);

}  // namespace bimip::frontend
