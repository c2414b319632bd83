// Power goes at any step, and the disk keeps whatever it may keep: verify calls none of it damage.
#include <gtest/gtest.h>

#include "engine/device/sim_device.h"
#include "tests/tools/log/example_store.h"

namespace bimip::testing {
namespace {

class StepClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override {
    return Timestamp(std::chrono::microseconds(1'700'000'000'000'000 + ++ticks_));
  }
  [[nodiscard]] std::chrono::nanoseconds monotonic() const override {
    return std::chrono::milliseconds(++ticks_);
  }

 private:
  mutable std::int64_t ticks_ = 0;
};

// Several requests at once, so that commits of all sizes are on their way together.
void work(SimDevice& device, std::uint64_t seed) {
  const StepClock clock;
  Result<std::unique_ptr<Store>> store = Store::open({.directory = "data",
                                                      .free_space_floor = 0,
                                                      .device = &device,
                                                      .clock = &clock,
                                                      .threading = Threading::kManual});
  if (!store) return;
  const Result<TopicInfo> topic =
      (*store)->create_topic("orders", {.segment_bytes = limits::kSegmentBytesMin});
  if (!topic) return;
  std::vector<std::string> values;
  std::vector<std::unique_ptr<PendingAppend>> requests;
  for (std::size_t i = 0; i < 60; ++i)
    values.emplace_back(1 + (seed * 31 + i * 977) % 9000, static_cast<char>('a' + i % 26));
  for (const std::string& value : values) {
    requests.push_back(std::make_unique<PendingAppend>(std::vector{value_record(value)}));
    requests.back()->topic = topic->id;
    (*store)->append(*requests.back());
    (*store)->step();
  }
  for (int i = 0; i < 1000 && !requests.back()->done(); ++i) (*store)->step();
  (*store)->close();
}

void copy_out(const SimDevice& device, const Path& to) {
  for (const std::string& name : device.files()) {
    const Path path = to / Path(name).relative_path();
    std::filesystem::create_directories(path.parent_path());
    write_bytes(path, device.contents(name).value());
  }
}

TEST(PowerLoss, LeavesNoDamage) {
  SimDevice whole(1);
  work(whole, 1);
  const std::uint64_t steps = whole.steps();
  ASSERT_GT(steps, 200U);
  std::uint64_t torn = 0;
  for (std::uint64_t round = 0; round < 40; ++round) {
    const std::uint64_t step = 1 + (round * 7919 + 13) % steps;
    SimDevice device(1);
    device.crash_at(step);
    work(device, 1);
    for (const LossMode mode : kAllLossModes) {
      const TempDirectory directory;
      copy_out(*device.image(mode, round), directory.path());
      const auto inventory = log_tools::take_inventory(directory.path() / "data");
      if (!inventory) continue;  // power went before there was a store
      const auto report = log_tools::verify(*inventory, {.depth = log_tools::Depth::kRecords});
      ASSERT_TRUE(report) << report.error().message;
      ASSERT_TRUE(report->is_clean())
          << "step " << step << ", image " << name_of(mode) << " of seed " << round << "\n"
          << to_text(*report);
      torn += static_cast<std::uint64_t>(std::ranges::count(
          report->findings, log_tools::Verdict::kTorn, &log_tools::Finding::verdict));
    }
  }
  EXPECT_GT(torn, 10U) << "torn tails were among the images";
}

}  // namespace
}  // namespace bimip::testing
