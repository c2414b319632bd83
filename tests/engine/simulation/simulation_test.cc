// Random lives of a store, each from its seed.
#include "tests/engine/simulation/simulation.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <iostream>

#include "tests/support/proof_effort.h"

namespace bimip::testing {
namespace {

constexpr int kActions = 250;
constexpr std::uint64_t kSeeds = 2000;  // with an effort of 1

// Large pieces of memory come and go all the time here: they are kept, not given back.
[[maybe_unused]] const bool kMemoryIsKept =
    mallopt(M_MMAP_THRESHOLD, 1 << 30) + mallopt(M_TRIM_THRESHOLD, 1 << 30) == 2;

TEST(Simulation, KeepsEveryPromiseFromEverySeed) {
  std::uint64_t first = 1;
  auto seeds = static_cast<std::uint64_t>(static_cast<double>(kSeeds) * proof_effort());
  if (!proof_only().empty()) {
    first = std::stoull(proof_only());
    seeds = 1;
  }
  Simulation::Counts all;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    Simulation simulation(seed);
    ASSERT_EQ(simulation.run(kActions), "")
        << "seed " << seed << "; reproduce: BIMIP_PROOF_ONLY=" << seed << " engine_simulation_test";
    const Simulation::Counts& counts = simulation.counts();
    all.appends += counts.appends;
    all.reads += counts.reads;
    all.crashes += counts.crashes;
    all.crashes_in_recovery += counts.crashes_in_recovery;
    all.restarts += counts.restarts;
    all.faults += counts.faults;
    all.compactions += counts.compactions;
    all.rewrites += counts.rewrites;
    all.bytes_freed += counts.bytes_freed;
  }
  std::cout << seeds << " seeds: " << all.appends << " appends, " << all.reads << " reads, "
            << all.crashes << " crashes, " << all.crashes_in_recovery << " more in recovery, "
            << all.restarts << " restarts, " << all.faults << " faults, " << all.rewrites
            << " rewrites, " << all.compactions << " compactions, " << all.bytes_freed
            << " bytes freed\n";
  if (seeds >= 10) {
    EXPECT_GT(all.crashes, seeds);
    EXPECT_GT(all.crashes_in_recovery, seeds / 10);
    EXPECT_GT(all.faults, seeds);
    EXPECT_GT(all.reads, seeds);
    EXPECT_GT(all.compactions, seeds / 10);
    EXPECT_GT(all.rewrites, seeds / 5);
    EXPECT_GT(all.bytes_freed, seeds * limits::kSegmentBytesMin / 2);
  }
}

// What a failure prints is enough to see it again: the same seed lives the same life.
TEST(Simulation, LivesTheSameLifeFromTheSameSeed) {
  Simulation a(7);
  Simulation b(7);
  EXPECT_EQ(a.run(kActions), b.run(kActions));
  EXPECT_EQ(a.counts().appends, b.counts().appends);
  EXPECT_EQ(a.counts().reads, b.counts().reads);
  EXPECT_EQ(a.counts().crashes, b.counts().crashes);
  EXPECT_EQ(a.counts().faults, b.counts().faults);
}

}  // namespace
}  // namespace bimip::testing
