#include "engine/partition/spare_segments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>

#include "engine/device/sim_device.h"
#include "tests/support/meddling_device.h"

namespace bimip::testing {
namespace {

using namespace bimip::engine;  // NOLINT: tests read better without it

constexpr std::uint64_t kBytes = 256 * 1024;

class SpareSegmentsTest : public ::testing::Test {
 protected:
  SpareSegmentsTest() {
    EXPECT_TRUE(device_->create_directory("p") && device_->sync_directory("/"));
  }

  std::unique_ptr<SpareSegments> open(std::uint64_t count, std::uint64_t floor = 0) {
    auto spares = SpareSegments::open(
        *device_, {.folder = "spare", .bytes_max = count * kBytes, .free_space_floor = floor});
    EXPECT_TRUE(spares) << spares.error().message;
    return std::move(*spares);
  }
  std::vector<std::string> names() {
    auto names = device_->list("spare");
    return names ? *names : std::vector<std::string>();
  }
  void crash(LossMode mode, std::uint64_t seed = 1) {
    device_->crash();
    device_ = device_->image(mode, seed);
  }

  std::unique_ptr<SimDevice> device_ = std::make_unique<SimDevice>(1);
};

TEST_F(SpareSegmentsTest, MakesAsManyAsItMayOfZeros) {
  const auto spares = open(3);
  ASSERT_TRUE(spares->fill(kBytes));
  ASSERT_EQ(names().size(), 3U);
  for (const std::string& name : names()) {
    const std::vector<std::byte> bytes = *device_->contents("spare/" + name);
    EXPECT_EQ(bytes.size(), kBytes);
    EXPECT_TRUE(std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; }));
  }
}

// A tick is the writer's: it waits for no disk.
TEST_F(SpareSegmentsTest, ATickDoesNotWaitForWhoTakesOne) {
  using namespace std::chrono_literals;
  MeddlingDevice device(*device_);
  auto spares = *SpareSegments::open(device, {.folder = "spare", .bytes_max = 2 * kBytes});
  ASSERT_TRUE(spares->fill(kBytes));
  ManualJobRunner jobs;
  std::future<void> tick;
  bool waited = true;
  device.once_opened("a", [&] {
    tick = std::async(std::launch::async, [&] { spares->tick(jobs); });
    waited = tick.wait_for(10s) != std::future_status::ready;
  });
  ASSERT_TRUE(spares->take(kBytes, "p/a"));
  ASSERT_TRUE(tick.valid());
  tick.get();
  EXPECT_FALSE(waited);
  EXPECT_TRUE(jobs.run_one()) << "another is made in its place";
  EXPECT_EQ(names().size(), 2U);
}

TEST_F(SpareSegmentsTest, ASpareIsTakenOnce) {
  const auto spares = open(2);
  ASSERT_TRUE(spares->fill(kBytes));
  const auto a = spares->take(kBytes, "p/a");
  const auto b = spares->take(kBytes, "p/b");
  const auto c = spares->take(kBytes, "p/c");
  ASSERT_TRUE(a && b && c);
  EXPECT_TRUE(*a && *b);
  EXPECT_FALSE(*c) << "there are no more";
  EXPECT_TRUE(names().empty());
  EXPECT_TRUE(*device_->exists("p/a"));
  EXPECT_TRUE(*device_->exists("p/b"));
}

TEST_F(SpareSegmentsTest, IsNeverInTwoPlacesAfterACrash) {
  constexpr std::uint64_t kSeeds = 20;  // of what a mode leaves open
  for (const LossMode mode : kAllLossModes) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      device_ = std::make_unique<SimDevice>(1);
      ASSERT_TRUE(device_->create_directory("p") && device_->sync_directory("/"));
      auto spares = open(1);
      ASSERT_TRUE(spares->fill(kBytes));
      {
        const auto taken = spares->take(kBytes, "p/a");
        ASSERT_TRUE(taken && *taken);
        ASSERT_TRUE((*taken)->write_at(FilePosition(0), as_bytes("used")));
        ASSERT_TRUE((*taken)->sync());
      }
      ASSERT_TRUE(device_->sync_directory("p"));  // before anybody relies on the file
      spares.reset();
      crash(mode, seed);
      ASSERT_TRUE(names().empty()) << name_of(mode) << " " << seed;
      ASSERT_TRUE(*device_->exists("p/a")) << name_of(mode) << " " << seed;
    }
  }
}

TEST_F(SpareSegmentsTest, AdoptsWholeOnesAndRemovesTheRest) {
  open(3)->fill(kBytes).value();
  ASSERT_TRUE(device_->set_contents("spare/spare.new", as_bytes("half made")));
  ASSERT_TRUE(device_->set_contents("spare/77.spare", as_bytes("short")));
  ASSERT_TRUE(device_->set_contents("spare/not ours", as_bytes("x")));
  const auto spares = open(2);
  EXPECT_EQ(names().size(), 3U) << "two spares, and what is not ours";
  EXPECT_TRUE(*device_->exists("spare/not ours"));
  ASSERT_TRUE(*spares->take(kBytes, "p/a"));
}

TEST_F(SpareSegmentsTest, GivesUpThoseOfAnotherLength) {
  const auto spares = open(2);
  ASSERT_TRUE(spares->fill(kBytes));
  const auto taken = spares->take(kBytes / 2, "p/a");
  ASSERT_TRUE(taken);
  EXPECT_FALSE(*taken);
  EXPECT_TRUE(names().empty());
}

TEST_F(SpareSegmentsTest, LeavesTheFloorFree) {
  device_->set_capacity(3 * kBytes);
  const auto spares = open(8, 2 * kBytes);
  const Status filled = spares->fill(kBytes);
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, ErrorCode::kNoSpace);
  EXPECT_GE(*device_->free_bytes("spare"), 2 * kBytes);
}

TEST_F(SpareSegmentsTest, AreMadeInTheBackgroundWhileTheDiskIsQuiet) {
  ManualJobRunner jobs;
  const auto spares = open(1);
  spares->tick(jobs);
  EXPECT_FALSE(jobs.run_one()) << "nobody has asked for a length yet";
  EXPECT_FALSE(*spares->take(kBytes, "p/a"));
  spares->tick(jobs);
  while (jobs.run_one()) spares->tick(jobs);
  spares->tick(jobs);
  while (jobs.run_one()) spares->tick(jobs);
  EXPECT_EQ(names().size(), 1U);
}

}  // namespace
}  // namespace bimip::testing
