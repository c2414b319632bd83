// One partition's trouble: it alone refuses appends, says why, and comes back whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/support/simulated_store.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;

RecordFields numbered(std::string_view value, std::uint64_t number) {
  RecordFields fields = value_record(value);
  fields.producer = ProducerMark{.id = {.high = 1, .low = 2}, .number = ProducerNumber(number)};
  return fields;
}

// A producer that numbers its values and retries what was not answered with an offset, and what it
// was told.
class Producer {
 public:
  Producer(SimulatedStore& store, TopicId topic) : store_(store), topic_(topic) {}

  // The answer of one try at the next value.
  Result<Appended> try_next() {
    const std::string value = value_of(next_);
    const Result<Appended> answer = store_.log().append(topic_, {numbered(value, next_)});
    if (answer) acknowledged_[next_++] = answer->first.value();
    return answer;
  }

  // Each value that was acknowledged is stored once, where it was said to be.
  void expect_all_stored() {
    const auto all = store_.log().read_all(topic_);
    ASSERT_TRUE(all) << all.error().message;
    for (const OffsetRange& gap : all->gaps)
      ADD_FAILURE() << "a gap [" << gap.first.value() << ", " << gap.end.value()
                    << "): " << store_.log().read(topic_, gap.first).error().message;
    std::map<std::string, std::vector<std::uint64_t>> places;
    for (const StoredRecord& record : all->records) places[record.value].push_back(record.offset);
    for (const auto& [number, offset] : acknowledged_)
      EXPECT_THAT(places[value_of(number)], ::testing::ElementsAre(offset)) << number;
  }

 private:
  static std::string value_of(std::uint64_t number) {
    return "value " + std::to_string(number) + std::string(number % 7 * 900, 'x');
  }
  SimulatedStore& store_;
  const TopicId topic_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, std::uint64_t> acknowledged_;
};

struct Case {
  SimOperation operation;
  ErrorCode code;
  std::string_view name;
};

class Trouble : public ::testing::TestWithParam<Case> {};

// A topic with small segments, so that appends meet every step: extend, prepare, roll, seal,
// checkpoint. One run for each place that the fault can hit.
TEST_P(Trouble, OfOnePartitionLosesNothingAcknowledgedAndIsOverAfterReopen) {
  std::uint64_t hit = 0;
  for (std::uint64_t skip = 0; skip < 60; skip += 1 + skip / 8) {
    SCOPED_TRACE("skip " + std::to_string(skip));
    SimulatedStore sim(skip + 1);
    const TopicId topic =
        sim.store().create_topic("ill", {.segment_bytes = limits::kSegmentBytesMin})->id;
    const TopicId other = sim.store().create_topic("well", {})->id;
    Producer producer(sim, topic);
    ASSERT_TRUE(producer.try_next());
    sim.device().fail_next({.operation = GetParam().operation,
                            .path_contains = "/ill/",
                            .code = GetParam().code,
                            .skip = skip});
    bool degraded = false;
    for (int i = 0; i < 50; ++i) {
      const Result<Appended> answer = producer.try_next();
      if (!sim.store().troubles().empty()) degraded = true;
      if (answer) continue;
      ASSERT_TRUE(answer.error().code == ErrorCode::kDegraded || is_shortage(answer.error()))
          << answer.error().message;
      EXPECT_TRUE(sim.log().append(other, "unmoved"));
      ASSERT_TRUE(sim.log().read_all(topic));
      if (is_shortage(answer.error())) {
        sim.pass(300ms);
        continue;
      }
      const Status reopened = sim.reopen(topic);
      ASSERT_TRUE(reopened) << reopened.error().message;
    }
    if (!sim.store().troubles().empty()) {
      ASSERT_TRUE(sim.reopen(topic));
    }
    EXPECT_THAT(sim.store().troubles(), ::testing::IsEmpty());
    if (degraded || sim.store().trouble_counters().shortages > 0) ++hit;
    producer.expect_all_stored();
    for (const LossMode mode : {LossMode::kLoseUnsynced, LossMode::kRandom}) {
      SCOPED_TRACE(name_of(mode));
      sim.lose_power(mode, skip);
      producer.expect_all_stored();
      ASSERT_TRUE(producer.try_next());
    }
  }
  EXPECT_GT(hit, 3U) << "the fault hit too seldom to show anything";
}

INSTANTIATE_TEST_SUITE_P(
    Faults, Trouble,
    ::testing::Values(Case{SimOperation::kWrite, ErrorCode::kIo, "WriteEio"},
                      Case{SimOperation::kWrite, ErrorCode::kNoSpace, "WriteEnospc"},
                      Case{SimOperation::kSync, ErrorCode::kIo, "SyncEio"},
                      Case{SimOperation::kSync, ErrorCode::kNoSpace, "SyncEnospc"},
                      Case{SimOperation::kSyncDirectory, ErrorCode::kIo, "SyncDirectoryEio"},
                      Case{SimOperation::kSyncDirectory, ErrorCode::kBusy, "SyncDirectoryEmfile"},
                      Case{SimOperation::kCreate, ErrorCode::kIo, "CreateErofs"},
                      Case{SimOperation::kCreate, ErrorCode::kBusy, "CreateEmfile"},
                      Case{SimOperation::kRename, ErrorCode::kIo, "RenameEio"},
                      Case{SimOperation::kAllocate, ErrorCode::kNoSpace, "AllocateEnospc"},
                      Case{SimOperation::kTruncate, ErrorCode::kIo, "TruncateEio"}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(ReopenedPartition, KeepsWhatAFailedSyncLeftInMemoryOnly) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SimulatedStore sim(seed);
    const TopicId topic =
        sim.store().create_topic("quick", {.durability = Durability::kWritten})->id;
    // So many that no more room is asked for soon: that is synced too.
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(sim.log().append(topic, "written"));
    sim.device().fail_next({.operation = SimOperation::kSync, .path_contains = "/quick/"});
    EXPECT_FALSE(sim.log().append(topic, {value_record("asks for a sync")}, PartitionId(0),
                                  Durability::kDurable));
    ASSERT_TRUE(sim.reopen(topic));
    ASSERT_TRUE(
        sim.log().append(topic, {value_record("durable")}, PartitionId(0), Durability::kDurable));
    sim.lose_power(LossMode::kLoseUnsynced, seed);
    const auto all = sim.log().read_all(topic);
    ASSERT_TRUE(all);
    EXPECT_TRUE(all->gaps.empty());
    ASSERT_EQ(all->records.size(), 22U);
    EXPECT_EQ(all->records.back().value, "durable");
  }
}

TEST(ReopenedPartition, IsOneThatWasNeverInTrouble) {
  SimulatedStore sim;
  const TopicId topic = sim.store().create_topic("fine", {})->id;
  ASSERT_TRUE(sim.log().append(topic, "a"));
  EXPECT_TRUE(sim.reopen(topic));
  EXPECT_TRUE(sim.log().append(topic, "b"));
  EXPECT_EQ(sim.store().trouble_counters().reopened, 0U);
  EXPECT_EQ(sim.reopen(TopicId(77)).error().code, ErrorCode::kNotFound);
}

TEST(ReopenedPartition, MayBeOneThatCouldNotBeOpened) {
  SimulatedStore sim;
  const TopicId topic = sim.store().create_topic("late", {})->id;
  ASSERT_TRUE(sim.log().append(topic, "a"));
  sim.close();
  sim.device().fail_next(
      {.operation = SimOperation::kOpen, .path_contains = "/late/0/manifest", .times = 2});
  sim.open();
  ASSERT_EQ(sim.store().report().unusable.size(), 1U);
  const auto troubles = sim.store().troubles();
  ASSERT_EQ(troubles.size(), 1U);
  EXPECT_EQ(troubles[0].reads, PartitionTrouble::Reads::kRefused);
  EXPECT_EQ(sim.log().append(topic, "b").error().code, ErrorCode::kIo);
  EXPECT_EQ(sim.log().read(topic, Offset(0)).error().code, ErrorCode::kIo);

  const Status still = sim.reopen(topic);
  ASSERT_FALSE(still);
  EXPECT_EQ(still.error().code, ErrorCode::kDegraded);
  EXPECT_EQ(sim.store().trouble_counters().reopen_failures, 1U);
  ASSERT_TRUE(sim.reopen(topic));
  ASSERT_TRUE(sim.log().append(topic, "b"));
  EXPECT_EQ(sim.log().read_all(topic)->records.size(), 2U);
}

class EndWatcher final : public Watcher {
 public:
  void on_advanced(TopicId, PartitionId, Offset visible_end) override { end = visible_end; }
  Offset end{};
};

TEST(ReopenedPartition, TellsThoseWhoWatchedItAllAlong) {
  SimulatedStore sim;
  const TopicId topic = sim.store().create_topic("seen", {})->id;
  EndWatcher watcher;
  ASSERT_TRUE(sim.store().watch(topic, PartitionId(0), watcher));
  ASSERT_TRUE(sim.log().append(topic, "a"));
  sim.device().fail_next({.operation = SimOperation::kWrite, .path_contains = ".segment"});
  EXPECT_FALSE(sim.log().append(topic, "b"));
  EXPECT_EQ(watcher.end, Offset(1));
  ASSERT_TRUE(sim.reopen(topic));
  const Offset next = sim.log().append(topic, "c")->first;
  sim.pass(100ms);
  EXPECT_EQ(watcher.end, next + 1);
  sim.store().unwatch(topic, PartitionId(0), watcher);
}

TEST(ReopenedPartition, AnswersEveryRequestThatCameMeanwhile) {
  SimulatedStore sim;
  const TopicId topic = sim.store().create_topic("t", {})->id;
  sim.device().fail_next({.operation = SimOperation::kWrite, .path_contains = ".segment"});
  EXPECT_FALSE(sim.log().append(topic, "a"));
  std::vector<PendingReopen> requests(3);
  for (PendingReopen& request : requests) {
    request.topic = topic;
    sim.store().reopen(request);
  }
  sim.pass(200ms);
  for (const PendingReopen& request : requests) {
    ASSERT_TRUE(request.result());
    EXPECT_TRUE(*request.result());
  }
  EXPECT_EQ(sim.store().trouble_counters().reopened, 1U);
}

TEST(DegradedPartition, ComesBackByItselfWhenSpaceIsThereAgain) {
  SimulatedStore sim;
  const TopicId topic = sim.store().create_topic("t", {})->id;
  ASSERT_TRUE(sim.log().append(topic, "a"));
  sim.device().fail_next({.operation = SimOperation::kWrite,
                          .path_contains = ".segment",
                          .code = ErrorCode::kNoSpace,
                          .times = 3});
  EXPECT_EQ(sim.log().append(topic, "b").error().code, ErrorCode::kDegraded);
  EXPECT_EQ(sim.log().append(topic, "b").error().code, ErrorCode::kDegraded);
  sim.pass(20s);
  EXPECT_THAT(sim.store().troubles(), ::testing::IsEmpty());
  EXPECT_TRUE(sim.log().append(topic, "c"));
  EXPECT_GE(sim.store().trouble_counters().reopened, 1U);
}

TEST(DegradedPartition, StaysSoAfterADeviceErrorUntilSomebodyAsks) {
  SimulatedStore sim;
  const TopicId topic = sim.store().create_topic("t", {})->id;
  sim.device().fail_next({.operation = SimOperation::kWrite, .path_contains = ".segment"});
  EXPECT_FALSE(sim.log().append(topic, "a"));
  sim.pass(120s);
  EXPECT_EQ(sim.store().troubles().size(), 1U);
  EXPECT_EQ(sim.log().append(topic, "b").error().code, ErrorCode::kDegraded);
}

TEST(DegradedPartition, IsOneWhoseFolderHasVanished) {
  SimulatedStore sim;
  const TopicId topic = sim.store().create_topic("t", {})->id;
  ASSERT_TRUE(sim.log().append(topic, "a"));
  const Path folder = "/data/topics/t/0";
  ASSERT_TRUE(sim.device().rename(folder, "/data/elsewhere"));
  for (int i = 0; i < 40 && sim.store().troubles().empty(); ++i) {
    (void)sim.log().append(topic, "into nowhere");
    sim.pass(100ms);
  }
  ASSERT_EQ(sim.store().troubles().size(), 1U);
  EXPECT_EQ(sim.log().append(topic, "c").error().code, ErrorCode::kDegraded);
  EXPECT_FALSE(sim.reopen(topic));
  ASSERT_TRUE(sim.device().rename("/data/elsewhere", folder));
  ASSERT_TRUE(sim.reopen(topic));
  ASSERT_TRUE(sim.log().append(topic, "d"));
  EXPECT_EQ(sim.log().read_all(topic)->records.front().value, "a");
}

TEST(FreeSpaceFloor, RefusesWritesBeforeTheDeviceIsFullAndOnlyUntilThereIsRoom) {
  constexpr std::uint64_t kFloor = 4 * 1024 * 1024;
  auto device = std::make_unique<SimDevice>(1);
  device->set_capacity(kFloor + 4 * 1024 * 1024);
  SimulatedStore sim(std::move(device), kFloor);
  const TopicId topic =
      sim.store().create_topic("t", {.segment_bytes = limits::kSegmentBytesMin})->id;
  const std::string large(50'000, 'x');
  std::uint64_t stored = 0;
  Result<Appended> answer;
  while ((answer = sim.log().append(topic, large))) {
    ++stored;
    ASSERT_LT(stored, 1000U);
  }
  EXPECT_EQ(answer.error().code, ErrorCode::kNoSpace);
  EXPECT_GE(*sim.device().free_bytes("/data"), kFloor - 512 * 1024);
  EXPECT_THAT(sim.store().troubles(), ::testing::IsEmpty()) << "a full disk is no damage";
  EXPECT_EQ(sim.log().read_all(topic)->records.size(), stored);
  sim.device().set_capacity(kFloor + 8 * 1024 * 1024);
  sim.pass(500ms);
  ASSERT_TRUE(sim.log().append(topic, large));
}

}  // namespace
}  // namespace bimip::testing
