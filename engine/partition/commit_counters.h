// What commits cost a store since it was opened.
#pragma once

#include "engine/base/counters.h"

namespace bimip::engine {

// Counted on the writer's thread, read on any.
struct CommitCounters {
  // From a commit block's submission to its publication: the blocks before it in its partition are
  // waited for, since they are published in order.
  TimeHistogram time{kTimeBounds};
};

}  // namespace bimip::engine
