// Sessions that are recorded and replayed, whatever they are told. That every other test of this
// folder replays as well is the world's doing: world.h.
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "frontend/replay/recorder.h"
#include "frontend/replay/replayer.h"
#include "tests/frontend/session/script.h"
#include "tests/support/proof_effort.h"

namespace bimip::testing {
namespace {

TEST(SessionProperty, KeepsItsPromisesAndReplaysWhateverItIsTold) {
  const auto runs = static_cast<std::uint64_t>(300 * proof_effort());
  for (std::uint64_t seed = 1; seed <= runs && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    engine::Random random(seed);
    std::vector<std::byte> program(200 + random.below(2000));
    for (std::byte& one : program) one = static_cast<std::byte>(random.below(256));
    run_script(program);
  }
}

}  // namespace
}  // namespace bimip::testing
