#include "engine/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/log_client.h"
#include "tests/support/temp_directory.h"

namespace bimip::testing {
namespace {

std::unique_ptr<Store> open_store(const Path& directory) {
  Result<std::unique_ptr<Store>> store =
      Store::open({.directory = directory, .free_space_floor = 0});
  if (!store) {
    ADD_FAILURE() << store.error().message;
    return nullptr;
  }
  return std::move(*store);
}

TEST(Store, GivesBackWhatWasAppended) {
  const TempDirectory directory;
  const auto store = open_store(directory.path() / "data");
  LogClient log(*store);
  const TopicId topic = store->create_topic("orders", {})->id;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const Result<Appended> appended = log.append(topic, "value " + std::to_string(i));
    ASSERT_TRUE(appended) << appended.error().message;
    EXPECT_EQ(appended->first, Offset(i));
  }
  const auto all = log.read_all(topic);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->records.size(), 100U);
  EXPECT_EQ(all->records[42], (StoredRecord{.offset = 42, .key = "", .value = "value 42"}));
}

TEST(Store, GivesBackWhatWasAppendedBeforeItWasClosed) {
  const TempDirectory directory;
  {
    const auto store = open_store(directory.path());
    LogClient log(*store);
    const TopicId topic =
        store->create_topic("orders", {.partitions = 2, .segment_age = limits::kSegmentAgeDefault})
            ->id;
    ASSERT_TRUE(log.append(topic, "a", PartitionId(0)));
    ASSERT_TRUE(log.append(topic, "b", PartitionId(1)));
    ASSERT_TRUE(log.append(topic, "c", PartitionId(1)));
  }
  const auto store = open_store(directory.path());
  LogClient log(*store);
  const Result<TopicInfo> topic = store->find_topic("orders");
  ASSERT_TRUE(topic);
  EXPECT_EQ(log.read_all(topic->id, PartitionId(0))->records,
            (std::vector<StoredRecord>{{0, "", "a"}}));
  EXPECT_EQ(log.read_all(topic->id, PartitionId(1))->records,
            (std::vector<StoredRecord>{{0, "", "b"}, {1, "", "c"}}));
  for (const PartitionReport& partition : store->report().partitions) EXPECT_TRUE(partition.clean);
  EXPECT_EQ(log.append(topic->id, "d", PartitionId(1))->first, Offset(2));
}

TEST(Store, RollsFromSegmentToSegmentAndReadsThemAll) {
  const TempDirectory directory;
  const std::string large(20'000, 'x');
  TopicId topic;
  for (int round = 0; round < 3; ++round) {
    const auto store = open_store(directory.path());
    LogClient log(*store);
    topic = store->create_topic("big", {.segment_bytes = limits::kSegmentBytesMin})->id;
    for (int i = 0; i < 40; ++i) {
      const Result<Appended> appended = log.append(topic, large + std::to_string(round * 40 + i));
      ASSERT_TRUE(appended) << appended.error().message;
    }
    const auto all = log.read_all(topic);
    ASSERT_TRUE(all) << all.error().message;
    ASSERT_EQ(all->records.size(), static_cast<std::size_t>(round + 1) * 40);
    EXPECT_TRUE(all->gaps.empty());
    for (std::size_t i = 0; i < all->records.size(); ++i)
      ASSERT_EQ(all->records[i].value, large + std::to_string(i));
  }
}

}  // namespace
}  // namespace bimip::testing
