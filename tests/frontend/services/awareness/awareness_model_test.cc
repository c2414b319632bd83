// The core against a model that is too simple to be wrong: random people, devices, consents,
// blocks, lost connections, clock steps; what is shown, what was, and since when.
#include <gtest/gtest.h>

#include <string>

#include "tests/frontend/services/awareness/awareness_play.h"
#include "tests/support/proof_effort.h"

namespace bimip::testing {
namespace {

constexpr std::uint64_t kSeeds = 300;

void play_all(AwarenessRules rules) {
  for (std::uint64_t seed = 1; seed <= kSeeds * proof_seeds(); seed += proof_stride()) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    AwarenessPlay(seed, rules).run();
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(AwarenessModel, EveryViewBecomesTheModelsAndNoneEverShowsWhatItMayNot) { play_all(kRules); }

TEST(AwarenessModel, CountsAreTheModels) {
  AwarenessRules rules = kRules;
  rules.counts_above = 1;
  play_all(rules);
}

}  // namespace
}  // namespace bimip::testing
