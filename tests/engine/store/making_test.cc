// A store whose making a power cut ends is made by the next open, or was made.
#include <gtest/gtest.h>

#include "engine/device/sim_device.h"
#include "engine/store/store.h"
#include "tests/support/manual_clock.h"

namespace bimip::testing {
namespace {

using namespace engine;  // NOLINT: all of it is about the store

Result<std::unique_ptr<Store>> open_on(SimDevice& device, const ManualClock& clock) {
  return Store::open({.directory = "data",
                      .free_space_floor = 0,
                      .device = &device,
                      .clock = &clock,
                      .threading = Threading::kManual});
}

// A folder that is there already, so that it stays whatever happens in it.
void make_folder(SimDevice& device) {
  ASSERT_TRUE(device.create_directory("data"));
  ASSERT_TRUE(device.sync_directory("/"));
}

TEST(StoreMaking, CutShortAtAnyStepLeavesAStoreOrNone) {
  constexpr std::uint64_t kSeeds = 32;  // of an image, which a loss mode may leave to chance
  const ManualClock clock;
  SimDevice whole(1);
  make_folder(whole);
  const std::uint64_t before = whole.steps();
  ASSERT_TRUE(open_on(whole, clock));
  ASSERT_GT(whole.steps(), before + 5);
  for (std::uint64_t step = before + 1; step <= whole.steps(); ++step) {
    SimDevice device(1);
    make_folder(device);
    device.crash_at(step);
    (void)open_on(device, clock);
    for (const LossMode mode : kAllLossModes) {
      for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        const auto image = device.image(mode, seed);
        const auto opened = open_on(*image, clock);
        ASSERT_TRUE(opened) << "step " << step << ", " << name_of(mode) << ", seed " << seed << ": "
                            << opened.error().message;
      }
    }
  }
}

}  // namespace
}  // namespace bimip::testing
