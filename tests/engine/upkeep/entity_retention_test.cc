// Of each key the newest records are kept, or the young ones; never less than its newest.
#include "engine/partition/entity_retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "engine/base/random.h"
#include "tests/engine/store/worked_store.h"
#include "tests/support/proof_effort.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;

class LimitedKeys : public ::testing::Test {
 protected:
  void begin(const TopicConfig& config) { topic_ = log_.topic(config); }
  void put(const std::string& key, const std::string& value) {
    const auto appended = log_.client().append(topic_, {value_record(value, key)});
    ASSERT_TRUE(appended) << appended.error().message;
    sent_[key].push_back({.offset = appended->first.value(), .key = key, .value = value});
  }
  void fill(int records, int keys, std::uint64_t seed = 1) {
    Random random(seed);
    for (int i = 0; i < records; ++i)
      put("key " + std::to_string(random.below(static_cast<std::uint64_t>(keys))),
          std::to_string(i) + std::string(1000, 'x'));
  }
  // What the segments hold: recent blocks are in memory as they were written.
  std::map<std::string, std::vector<StoredRecord>> read_by_key() {
    log_.reopen();
    std::map<std::string, std::vector<StoredRecord>> found;
    const auto bounds = log_.store().bounds(topic_, PartitionId(0));
    const auto all = log_.client().read_all(topic_, PartitionId(0), bounds->start);
    EXPECT_TRUE(all) << all.error().message;
    EXPECT_THAT(all->gaps, IsEmpty());
    for (const StoredRecord& record : all->records) found[record.key].push_back(record);
    return found;
  }
  // What is there of each key is the end of what was sent; at least so many, if there were as many.
  void expect_newest(std::size_t at_least) {
    const auto found = read_by_key();
    ASSERT_EQ(found.size(), sent_.size());
    for (const auto& [key, sent] : sent_) {
      const std::vector<StoredRecord>& there = found.at(key);
      ASSERT_GE(there.size(), std::min(at_least, sent.size())) << key;
      ASSERT_TRUE(std::equal(there.rbegin(), there.rend(), sent.rbegin())) << key;
    }
  }
  // Increments go on, those that are there can be replayed, and what is missing is said.
  void expect_chains() {
    for (const auto& [key, there] : read_by_key()) {
      const std::uint64_t last = sent_[key].size();
      EXPECT_EQ(log_.client().find_entity(topic_, key)->last_increment, IncrementId(last));
      const auto batch = log_.client().read_entity(topic_, key, {.from = IncrementId(1)});
      ASSERT_TRUE(batch) << batch.error().message;
      ASSERT_EQ(batch->records().size(), there.size());
      for (std::size_t i = 0; i < there.size(); ++i) {
        EXPECT_EQ(batch->records()[i].offset.value(), there[i].offset);
        EXPECT_EQ(batch->records()[i].entity->increment.value(), last - there.size() + 1 + i);
      }
      if (there.size() < last) {
        ASSERT_EQ(batch->gaps().size(), 1U);
        EXPECT_EQ(batch->gaps()[0].kind, EntityGapKind::kCompaction);
        EXPECT_EQ(batch->gaps()[0].last.value(), last - there.size());
      }
    }
  }
  std::uint64_t sealed_records() {
    std::uint64_t records = 0;
    for (const ManifestSegment& segment : log_.sealed(topic_)) records += segment.record_count;
    return records;
  }

  SimDevice device_{1};
  WorkedStore log_{device_};
  TopicId topic_;
  std::map<std::string, std::vector<StoredRecord>> sent_;
};

TEST_F(LimitedKeys, KeepTheirNewestRecords) {
  begin({.segment_bytes = limits::kSegmentBytesMin, .entity_records_max = 5});
  fill(1000, 20);
  const std::uint64_t before = sealed_records();
  log_.work(1min);
  EXPECT_GE(log_.store().upkeep().compactions, 1U);
  EXPECT_LE(sealed_records(), 20U * 5U);
  EXPECT_GT(before, 900U);
  for (int round = 0; round < 2; ++round) {
    expect_newest(5);
    expect_chains();
    for (const PartitionReport& report : log_.store().report().partitions) {
      EXPECT_THAT(report.notes, IsEmpty());
      EXPECT_THAT(report.damaged, IsEmpty());
    }
  }
  fill(200, 20, 2);
  log_.work(1min);
  expect_newest(5);
  expect_chains();
}

TEST_F(LimitedKeys, ArePassedOverInPartsWhenThereAreMany) {
  begin({.segment_bytes = limits::kSegmentBytesMin});
  fill(500, 100);
  const auto sealed = log_.sealed(topic_);
  ASSERT_GT(sealed.size(), 3U);
  BufferPool pool(4 * 1024 * 1024);
  const auto kept_with = [&](std::size_t keys_max) {
    KeySurvey survey(device_, pool,
                     {.folder = WorkedStore::folder(),
                      .partition = {.store = log_.store().report().store,
                                    .topic = topic_,
                                    .partition = PartitionId(0),
                                    .epoch = {}},
                      .segments = sealed,
                      .window_end = sealed.back().end_offset,
                      .keys_max = keys_max,
                      .kept_of_each = 3});
    while (true) {
      const Result<bool> done = survey.step();
      EXPECT_TRUE(done);
      if (!done || *done) break;
    }
    std::vector<std::uint64_t> kept;
    for (Offset at = sealed.front().base_offset; at < sealed.back().end_offset; at += 1) {
      if (survey.kept()->contains(at)) kept.push_back(at.value());
    }
    EXPECT_EQ(survey.passes() > 2, keys_max < 100);
    return kept;
  };
  const std::vector<std::uint64_t> all = kept_with(1000);
  EXPECT_GT(all.size(), 200U);
  EXPECT_LE(all.size(), 300U);
  EXPECT_EQ(kept_with(10), all);
}

TEST_F(LimitedKeys, LoseWhatIsOldButTheirNewest) {
  begin({.segment_bytes = limits::kSegmentBytesMin, .entity_age = 1h});
  for (int i = 0; i < 30; ++i) put("quiet", std::to_string(i) + std::string(1000, 'q'));
  fill(200, 5);
  log_.work(1min);
  EXPECT_EQ(log_.store().upkeep().records_dropped, 0U) << "all of it is young";
  log_.work(90min);
  fill(200, 5, 2);
  log_.work(10min);
  const auto found = read_by_key();
  EXPECT_EQ(found.at("quiet").size(), 1U);
  expect_newest(1);
  expect_chains();
  log_.work(2h);
  expect_newest(1);
  expect_chains();
  EXPECT_LE(sealed_records(), 2U * sent_.size()) << "all of it is old";
}

TEST_F(LimitedKeys, KeepWhatHasNoKey) {
  begin({.segment_bytes = limits::kSegmentBytesMin, .entity_records_max = 1});
  for (int i = 0; i < 100; ++i) {
    log_.append(topic_, "free " + std::to_string(i) + std::string(900, 'f'));
    put("key", std::to_string(i) + std::string(900, 'k'));
  }
  log_.work(1min);
  const auto found = read_by_key();
  EXPECT_EQ(found.at("").size(), 100U);
  EXPECT_LT(found.at("key").size(), 60U);
}

TEST_F(LimitedKeys, MayBeLimitedOtherwiseLater) {
  begin({.segment_bytes = limits::kSegmentBytesMin});
  fill(600, 10);
  log_.work(1min);
  EXPECT_EQ(log_.store().upkeep().records_dropped, 0U);
  ASSERT_TRUE(log_.store().alter_topic("t", {.entity_records_max = 8}));
  log_.work(1min);
  EXPECT_LE(sealed_records(), 80U);
  EXPECT_GT(sealed_records(), 60U);
  ASSERT_TRUE(log_.store().alter_topic("t", {.entity_records_max = 2}));
  log_.work(1min);
  EXPECT_LE(sealed_records(), 20U);
  expect_newest(2);
  expect_chains();
}

// A pass knows how many are kept by what it was told when it began; with a limit of age alone, one.
TEST_F(LimitedKeys, AreLookedAtAnewWhenTheLimitChangesMeanwhile) {
  for (int steps = 0;; ++steps) {
    SimDevice device(1);
    WorkedStore log(device);
    const TopicId topic =
        log.topic({.segment_bytes = limits::kSegmentBytesMin, .entity_age = 3600s});
    for (int i = 0; i < 300; ++i)
      log.append(topic, std::string(1000, 'x'), "key " + std::to_string(i % 10));
    log.clock().pass(2h);
    log.store().step();
    for (int i = 0; i < steps; ++i) {
      log.clock().pass(50ms);
      log.store().step();
    }
    const std::uint64_t dropped = log.store().upkeep().records_dropped;
    if (dropped > 0) {
      EXPECT_GT(steps, 5);
      return;
    }
    ASSERT_TRUE(log.store().alter_topic("t", {.entity_records_max = 25, .entity_age = 0s}));
    log.work(1min);
    // Five of each key; and of a segment that was about to take another's place what it had left
    // out.
    EXPECT_LE(log.store().upkeep().records_dropped, 50U + 50U) << "after " << steps << " steps";
  }
}

TEST_F(LimitedKeys, AreNotForCompactedTopics) {
  const auto made =
      log_.store().create_topic("c", {.entity_records_max = 2, .compaction = Compaction::kNewest});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(LimitedKeys, WaitForAFloorWhereTheTopicHasOne) {
  begin({.segment_bytes = limits::kSegmentBytesMin,
         .retention_floor = RetentionFloor::kCursors,
         .entity_records_max = 1});
  fill(400, 4);
  log_.work(1min);
  EXPECT_EQ(log_.store().upkeep().records_dropped, 0U) << "nobody has said how far anybody is";
  log_.store().set_retention_floor(topic_, PartitionId(0), Offset(200));
  log_.work(1min);
  EXPECT_GT(log_.store().upkeep().records_dropped, 90U);
  log_.reopen();
  const auto all = log_.client().read_all(topic_);
  const auto above = std::ranges::count_if(
      all->records, [](const StoredRecord& record) { return record.offset >= 200; });
  EXPECT_EQ(above, 200);
  EXPECT_LE(all->records.size(), 204U + 70U) << "and a segment that the floor lies in";
  log_.store().set_retention_floor(topic_, PartitionId(0), kNoFloor);
  log_.work(1min);
  EXPECT_LE(sealed_records(), 4U) << "what was held goes, too";
}

class HeldLog : public LimitedKeys {};

TEST_F(HeldLog, IsNotCutAboveAFloor) {
  begin({.segment_bytes = limits::kSegmentBytesMin,
         .retention_bytes = 128 * 1024,
         .retention_floor = RetentionFloor::kCursors});
  fill(600, 4);
  const auto start = [&] { return log_.store().bounds(topic_, PartitionId(0))->start; };
  log_.work(1min);
  EXPECT_EQ(start(), Offset(0)) << "nobody has said how far anybody is";
  log_.store().set_retention_floor(topic_, PartitionId(0), Offset(200));
  log_.work(1min);
  EXPECT_GT(start(), Offset(100));
  EXPECT_LE(start(), Offset(200));
  const Offset held = start();
  log_.reopen();
  log_.work(1min);
  EXPECT_EQ(start(), held) << "after a start nothing goes before the floor was said again";
  log_.store().set_retention_floor(topic_, PartitionId(0), kNoFloor);
  log_.work(1min);
  EXPECT_GT(start(), Offset(400));
}

TEST_F(HeldLog, IsCutWithoutAFloorWhereTheTopicHasNone) {
  begin({.segment_bytes = limits::kSegmentBytesMin, .retention_bytes = 128 * 1024});
  fill(600, 4);
  log_.store().set_retention_floor(topic_, PartitionId(0), Offset(0));
  log_.work(1min);
  EXPECT_GT(log_.store().bounds(topic_, PartitionId(0))->start, Offset(400));
}

// Power goes at every step of a pass: of each key the newest are there, at their offsets.
TEST(LimitedKeysAndCrash, KeepTheirNewest) {
  std::uint64_t first_step = 0;
  std::map<std::string, std::vector<StoredRecord>> sent;
  const auto run = [&](SimDevice& device) {
    WorkedStore log(device);
    const TopicId topic =
        log.topic({.segment_bytes = limits::kSegmentBytesMin, .entity_records_max = 3});
    sent.clear();
    for (int i = 0; i < 90; ++i) {
      const std::string key = std::to_string(i % 5);
      const std::string value = std::to_string(i) + std::string(1400, 'x');
      const auto appended = log.client().append(topic, {value_record(value, key)});
      if (appended)
        sent[key].push_back({.offset = appended->first.value(), .key = key, .value = value});
    }
    if (first_step == 0) first_step = device.steps();
    log.work(10s);
    return log.store().upkeep().compactions.load();
  };
  SimDevice whole(1);
  ASSERT_GE(run(whole), 1U);
  std::uint64_t images = 0;
  for (std::uint64_t step = first_step + 1; step <= whole.steps(); step += proof_stride()) {
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
      for (int round = 0; round < 2; ++round) {
        const auto all = log.client().read_all(topic->id);
        ASSERT_TRUE(all);
        ASSERT_THAT(all->gaps, IsEmpty());
        std::map<std::string, std::vector<StoredRecord>> found;
        for (const StoredRecord& record : all->records) found[record.key].push_back(record);
        for (const auto& [key, wanted] : sent) {
          ASSERT_GE(found[key].size(), 3U);
          ASSERT_TRUE(std::equal(found[key].rbegin(), found[key].rend(), wanted.rbegin()));
          ASSERT_EQ(log.client().find_entity(topic->id, key)->last_increment.value(),
                    wanted.size());
        }
        log.work(10s);
      }
    }
  }
  std::cout << images << " images\n";
  EXPECT_GT(images, 400U / proof_stride());
}

}  // namespace
}  // namespace bimip::testing
