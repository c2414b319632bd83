// Ten thousand partitions in one store: few descriptors, few maps, little memory.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>

#include "engine/store/store.h"
#include "tests/support/log_client.h"
#include "tests/support/simulated_store.h"
#include "tests/support/temp_directory.h"

namespace bimip::testing {
namespace {

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(
      std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator()));
}

std::size_t maps() {
  std::ifstream file("/proc/self/maps");
  std::size_t lines = 0;
  for (std::string line; std::getline(file, line);) ++lines;
  return lines;
}

constexpr std::size_t kDescriptorsMax = 4096;
constexpr std::size_t kMapsMax = 20'000;
constexpr std::uint32_t kTopics = 10;
constexpr std::uint32_t kPartitions = 1000;

// While it is there the process may open so many files.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(std::size_t most) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit wanted{.rlim_cur = most, .rlim_max = before_.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &wanted) != 0) throw std::runtime_error("no such limit");
  }
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit before_{};
};

std::unique_ptr<Store> open_store(const Path& directory) {
  Result<std::unique_ptr<Store>> store =
      Store::open({.directory = directory, .free_space_floor = 0});
  if (!store) throw std::runtime_error(store.error().message);
  return std::move(*store);
}

// One append to every partition, all at once.
void append_everywhere(Store& store, const std::vector<TopicId>& topics, std::string_view value) {
  std::vector<std::unique_ptr<PendingAppend>> requests;
  for (const TopicId topic : topics) {
    for (std::uint32_t i = 0; i < kPartitions; ++i) {
      requests.push_back(std::make_unique<PendingAppend>(std::vector{value_record(value)}));
      requests.back()->topic = topic;
      requests.back()->partition = PartitionId(i);
      store.append(*requests.back());
    }
  }
  std::size_t most = 0;
  std::size_t answered = 0;
  for (const auto& request : requests) {
    while (!request->done()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(request->answer()) << request->answer().error().message;
    if (answered++ % 256 == 0) most = std::max(most, open_descriptors());
  }
  EXPECT_LT(most, kDescriptorsMax) << "while all partitions were written to";
}

TEST(TenThousandPartitions, TakeFewDescriptorsAndMaps) {
  const DescriptorLimit limit(kDescriptorsMax);
  const TempDirectory directory;
  std::vector<TopicId> topics;
  {
    const auto store = open_store(directory.path());
    for (std::uint32_t i = 0; i < kTopics; ++i) {
      const auto topic =
          store->create_topic("topic" + std::to_string(i), {.partitions = kPartitions});
      ASSERT_TRUE(topic) << topic.error().message;
      topics.push_back(topic->id);
    }
    EXPECT_LT(open_descriptors(), kDescriptorsMax);
    append_everywhere(*store, topics, "first");
    EXPECT_LT(open_descriptors(), kDescriptorsMax);
    EXPECT_LT(maps(), kMapsMax);
  }
  const auto store = open_store(directory.path());
  EXPECT_TRUE(store->report().unusable.empty());
  EXPECT_EQ(store->report().partitions.size(), kTopics * kPartitions);
  EXPECT_LT(open_descriptors(), kDescriptorsMax);
  LogClient log(*store);
  for (std::uint32_t i = 0; i < kTopics * kPartitions; i += 97) {
    const auto all = log.read_all(topics[i / kPartitions], PartitionId(i % kPartitions));
    ASSERT_TRUE(all) << all.error().message;
    ASSERT_EQ(all->records.size(), 1U) << i;
  }
  EXPECT_LT(open_descriptors(), kDescriptorsMax);
  EXPECT_LT(maps(), kMapsMax);
}

TEST(Partitions, TakeTurnsWhenMoreAreWrittenToThanMayBeOpen) {
  auto device = std::make_unique<SimDevice>(1);
  device->set_open_files_max(128);
  SimulatedStore sim(std::move(device));
  const TopicId topic = sim.store().create_topic("many", {.partitions = 100})->id;
  std::vector<std::unique_ptr<PendingAppend>> requests;
  for (std::uint32_t round = 0; round < 20; ++round) {
    for (std::uint32_t i = 0; i < 100; ++i) {
      requests.push_back(std::make_unique<PendingAppend>(std::vector{value_record("v")}));
      requests.back()->topic = topic;
      requests.back()->partition = PartitionId(i);
      sim.store().append(*requests.back());
    }
    for (int i = 0; i < 20; ++i) sim.step();
    EXPECT_LE(sim.device().counters().open_files.load(), 64U);
  }
  for (int i = 0; i < 20'000 && !requests.back()->done(); ++i) sim.step();
  for (const auto& request : requests) {
    while (!request->done()) sim.step();
    ASSERT_TRUE(request->answer()) << request->answer().error().message;
  }
  for (std::uint32_t i = 0; i < 100; ++i)
    EXPECT_EQ(sim.log().read_all(topic, PartitionId(i))->records.size(), 20U);
}

TEST(Partitions, GiveTheirFilesBackWhenTheyAreNotWrittenTo) {
  SimulatedStore sim;
  const TopicId topic = sim.store().create_topic("quiet", {.partitions = 8})->id;
  for (std::uint32_t i = 0; i < 8; ++i) ASSERT_TRUE(sim.log().append(topic, "a", PartitionId(i)));
  EXPECT_GE(sim.device().counters().open_files.load(), 8U);
  sim.pass(std::chrono::seconds(20));
  EXPECT_EQ(sim.device().counters().open_files.load(), 0U);
  for (std::uint32_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(sim.log().append(topic, "b", PartitionId(i)));
    EXPECT_EQ(sim.log().read_all(topic, PartitionId(i))->records.size(), 2U);
  }
}

}  // namespace
}  // namespace bimip::testing
