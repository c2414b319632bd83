// What is known of entities outlives their records: whatever retention and compaction take, an
// increment is never used twice, and what is missing is said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/engine/store/worked_store.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Replay {
  std::vector<std::uint64_t> increments;
  std::vector<EntityGap> gaps;
};
Replay replay(LogClient client, TopicId topic, const std::string& key) {
  Replay all;
  LogClient::EntityRead from{.from = IncrementId(1)};
  while (true) {
    const Result<EntityBatch> batch = client.read_entity(topic, key, from);
    EXPECT_TRUE(batch) << batch.error().message;
    if (!batch) return all;
    for (const Record& record : batch->records())
      all.increments.push_back(record.entity->increment.value());
    std::ranges::copy(batch->gaps(), std::back_inserter(all.gaps));
    if (batch->next() > batch->last_increment()) return all;
    from.from = batch->next();
  }
}

std::string large(int i) { return std::to_string(i) + std::string(1500, 'x'); }

class RemovedRecords : public ::testing::Test {
 protected:
  void put(const std::string& key, int i) { log_.append(topic_, large(i), key); }
  std::uint64_t last(const std::string& key) {
    const auto state = log_.client().find_entity(topic_, key);
    EXPECT_TRUE(state) << state.error().message;
    return state ? state->last_increment.value() : 0;
  }
  // Five records of each, and the tombstone, all of which compaction takes.
  void delete_keys(const std::vector<std::string>& keys) {
    topic_ = log_.topic({.segment_bytes = limits::kSegmentBytesMin,
                         .compaction = Compaction::kNewest,
                         .tombstone_grace = 1h});
    for (const std::string& key : keys) {
      for (int i = 0; i < 5; ++i) put(key, i);
      RecordFields tombstone = value_record("", key);
      tombstone.kind = RecordKind::kTombstone;
      ASSERT_TRUE(log_.client().append(topic_, {tombstone}));
    }
    put_others(300);
    log_.work(1min);
    ASSERT_GE(log_.store().upkeep().compactions, 1U);
  }
  void let_tombstones_go() {
    log_.work(2h);
    put_others(600);
    log_.work(1min);
  }
  void put_others(int count) {
    for (int i = 0; i < count; ++i) put("key " + std::to_string(i % 5), i);
  }
  void expect_no_notes() {
    for (const PartitionReport& report : log_.store().report().partitions) {
      EXPECT_THAT(report.notes, IsEmpty());
      EXPECT_THAT(report.damaged, IsEmpty());
    }
  }

  SimDevice device_{1};
  WorkedStore log_{device_};
  TopicId topic_;
};

TEST_F(RemovedRecords, ByRetentionAreAGapAndTheirNumbersStayKnown) {
  topic_ = log_.topic({.segment_bytes = limits::kSegmentBytesMin, .retention_bytes = 256 * 1024});
  for (int i = 0; i < 3; ++i) put("early", i);
  for (int i = 0; i < 400; ++i) put("later", i);
  log_.work();
  ASSERT_GT(log_.manifest(topic_).log_start, Offset(3));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(last("early"), 3U);
    const Replay early = replay(log_.client(), topic_, "early");
    EXPECT_THAT(early.increments, IsEmpty());
    ASSERT_EQ(early.gaps.size(), 1U);
    EXPECT_EQ(early.gaps[0].kind, EntityGapKind::kRetention);
    EXPECT_EQ(early.gaps[0].first, IncrementId(1));
    EXPECT_EQ(early.gaps[0].last, IncrementId(3));
    const Replay later = replay(log_.client(), topic_, "later");
    ASSERT_EQ(later.gaps.size(), 1U);
    EXPECT_EQ(later.gaps[0].kind, EntityGapKind::kRetention);
    EXPECT_EQ(later.gaps[0].last.value() + later.increments.size(), 400U);
    EXPECT_EQ(later.increments.back(), 400U);
    log_.reopen();
    expect_no_notes();
  }
  put("early", 4);
  EXPECT_EQ(last("early"), 4U);
}

TEST_F(RemovedRecords, ByCompactionAreAGapAndTheirNumbersStayKnown) {
  delete_keys({"deleted"});
  const Replay newest = replay(log_.client(), topic_, "key 0");
  ASSERT_EQ(newest.gaps.size(), 1U);
  EXPECT_EQ(newest.gaps[0].kind, EntityGapKind::kCompaction);
  EXPECT_EQ(newest.gaps[0].last.value() + newest.increments.size(), 60U);

  let_tombstones_go();
  log_.reopen();
  expect_no_notes();
  const Replay deleted = replay(log_.client(), topic_, "deleted");
  EXPECT_THAT(deleted.increments, IsEmpty()) << "the tombstone had its grace";
  EXPECT_EQ(last("deleted"), 6U);
  put("deleted", 7);
  EXPECT_EQ(last("deleted"), 7U);
}

// Nobody knows their numbers any more: they are left out, and so are they in the next base.
TEST_F(RemovedRecords, OfALogThatBeginsAtZeroAreNotNumberedAnewWithoutTheBase) {
  delete_keys({"deleted", "gone"});
  let_tombstones_go();
  ASSERT_EQ(log_.manifest(topic_).segments.front().base_offset, Offset(0));
  log_.close();
  ASSERT_TRUE(device_.remove(WorkedStore::folder() + "/" + std::string(file_names::kEntityBase)));
  log_.open();
  ASSERT_EQ(log_.store().report().partitions.size(), 1U);
  EXPECT_THAT(log_.store().report().partitions[0].notes, ElementsAre(HasSubstr("behind a gap")));
  put("deleted", 7);
  EXPECT_GT(last("deleted"), 6U);

  put_others(300);
  log_.work(1min);
  log_.reopen();
  expect_no_notes();
  put("gone", 7);
  EXPECT_GT(last("gone"), 6U);
}

// The power goes at many steps of retention and compaction together.
TEST(RemovedRecordsAndCrash, NoIncrementIsUsedTwice) {
  constexpr int kKeys = 9;
  std::uint64_t images = 0;
  std::uint64_t first_step = 0;  // behind the last append
  const auto run = [&first_step](SimDevice& device) {
    WorkedStore log(device);
    const TopicId topic = log.topic({.segment_bytes = limits::kSegmentBytesMin,
                                     .retention_bytes = 256 * 1024,
                                     .compaction = Compaction::kNewest});
    // Each key has its records in one stretch, so that retention takes whole entities.
    for (int i = 0; i < 90; ++i)
      (void)log.client().append(topic, {value_record(large(i), std::to_string(i / 10))});
    if (first_step == 0) first_step = device.steps();
    log.work(20s);
    return log.store().upkeep().compactions.load();
  };
  SimDevice whole(1);
  ASSERT_GE(run(whole), 1U);
  for (std::uint64_t step = first_step + 1; step <= whole.steps(); step += 4) {
    SimDevice device(1);
    device.crash_at(step);
    (void)run(device);
    for (const LossMode mode : kAllLossModes) {
      SCOPED_TRACE("step " + std::to_string(step) + ", " + std::string(name_of(mode)));
      const auto image = device.image(mode, step);
      ++images;
      WorkedStore log(*image);
      const auto topic = log.store().find_topic("t");
      ASSERT_TRUE(topic);
      log.work(20s);
      for (int key = 0; key < kKeys; ++key) {
        const std::string name = std::to_string(key);
        ASSERT_EQ(log.client().find_entity(topic->id, name)->last_increment, IncrementId(10))
            << name;
        log.append(topic->id, "again", name);
        ASSERT_EQ(log.client().find_entity(topic->id, name)->last_increment, IncrementId(11))
            << name;
      }
    }
  }
  std::cout << images << " images\n";
  EXPECT_GT(images, 100U);
}

}  // namespace
}  // namespace bimip::testing
