// Opening costs what was not yet known durable, not what is stored. Counted, not timed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "engine/device/posix_device.h"
#include "engine/store/store.h"
#include "tests/support/log_client.h"
#include "tests/support/temp_directory.h"

namespace bimip::testing {
namespace {

struct Cost {
  std::uint64_t reported = 0;  // by recovery
  std::uint64_t counted = 0;   // by the device
};

// What it reads to open a log of so many records of 1 MB, in segments of 16.
Cost open_after(std::uint64_t records) {
  const TempDirectory directory;
  {
    const std::unique_ptr<Device> device = make_posix_device();
    auto store =
        Store::open({.directory = directory.path(), .free_space_floor = 0, .device = device.get()});
    EXPECT_TRUE(store) << store.error().message;
    const TopicId topic = (*store)
                              ->create_topic("t", {.durability = Durability::kWritten,
                                                   .segment_bytes = 16 * 1024 * 1024})
                              ->id;
    LogClient log(**store);
    const std::string value(1'000'000, 'x');
    for (std::uint64_t i = 0; i < records; ++i) EXPECT_TRUE(log.append(topic, value));
  }
  const std::unique_ptr<Device> device = make_posix_device();
  const auto store =
      Store::open({.directory = directory.path(), .free_space_floor = 0, .device = device.get()});
  EXPECT_TRUE(store) << store.error().message;
  const Cost cost{.reported = (*store)->report().bytes_read(),
                  .counted = device->counters().bytes_read};
  EXPECT_EQ((*store)->bounds((*store)->find_topic("t")->id, PartitionId(0))->visible_end,
            Offset(records));
  return cost;
}

// Both logs end at the same place of their last segment. BIMIP_OPEN_COST_RECORDS=2000 makes it 2
// GB.
TEST(OpenCost, DoesNotGrowWithTheData) {
  const char* asked = std::getenv("BIMIP_OPEN_COST_RECORDS");  // NOLINT(concurrency-mt-unsafe)
  const std::uint64_t many = asked != nullptr ? std::strtoull(asked, nullptr, 10) : 160;
  const Cost small = open_after(16 + 5);
  const Cost large = open_after(many / 16 * 16 + 5);
  std::cout << "21 MB: " << small.reported << " bytes read; " << many / 16 * 16 + 5
            << " MB: " << large.reported << "\n";
  EXPECT_GT(small.reported, 0U);
  constexpr std::uint64_t kForLongerManifests = 512 * 1024;
  EXPECT_LT(large.reported, small.reported + kForLongerManifests);
  EXPECT_LT(large.counted, small.counted + kForLongerManifests);
}

}  // namespace
}  // namespace bimip::testing
