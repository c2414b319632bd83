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

struct Seeds {
  std::uint64_t first = 1;
  std::uint64_t count = 1;
};

// BIMIP_PROOF_ONLY: one, or FIRST-LAST.
Seeds wanted_seeds() {
  const std::string only = proof_only();
  if (only.empty())
    return {.count = static_cast<std::uint64_t>(static_cast<double>(kSeeds) * proof_effort())};
  const std::size_t dash = only.find('-');
  const std::uint64_t first = std::stoull(only);
  const std::uint64_t last = dash == std::string::npos ? first : std::stoull(only.substr(dash + 1));
  return {.first = first, .count = last - first + 1};
}

TEST(Simulation, KeepsEveryPromiseFromEverySeed) {
  const auto [first, seeds] = wanted_seeds();
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
    all.cut_short += counts.cut_short;
    all.held += counts.held;
    all.released += counts.released;
    all.waited += counts.waited;
    all.expired += counts.expired;
  }
  std::cout << seeds << " seeds: " << all.appends << " appends, " << all.reads << " reads, "
            << all.crashes << " crashes, " << all.crashes_in_recovery << " more in recovery, "
            << all.restarts << " restarts, " << all.faults << " faults, " << all.rewrites
            << " rewrites, " << all.compactions << " compactions, " << all.bytes_freed
            << " bytes freed, " << all.held << " records held, " << all.waited
            << " times through a restart, " << all.released << " released, " << all.expired
            << " expired ones passed over\n";
  if (seeds >= 10) {
    EXPECT_GT(all.crashes, seeds);
    EXPECT_GT(all.crashes_in_recovery, seeds / 10);
    EXPECT_GT(all.faults, seeds);
    EXPECT_GT(all.reads, seeds);
    EXPECT_GT(all.compactions, seeds / 10);
    EXPECT_GT(all.rewrites, seeds / 5);
    EXPECT_GT(all.bytes_freed, seeds * limits::kSegmentBytesMin / 2);
    EXPECT_LE(all.cut_short, 1 + seeds / 1000);
    EXPECT_GT(all.held, seeds);
    EXPECT_GT(all.waited, seeds);
    EXPECT_GT(all.released, seeds);
    EXPECT_GT(all.expired, seeds);
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
  EXPECT_EQ(a.counts().released, b.counts().released);
  EXPECT_EQ(a.counts().expired, b.counts().expired);
}

}  // namespace
}  // namespace bimip::testing
