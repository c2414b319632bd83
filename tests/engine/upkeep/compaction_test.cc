// Of a keyed topic the newest record of each key is kept, at its offset.
#include "engine/partition/compaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "engine/base/random.h"
#include "tests/engine/store/worked_store.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::uint64_t kMiB = 1024 * 1024;

TEST(OffsetSet, CountsWhatItHolds) {
  OffsetSet set({.first = Offset(10), .end = Offset(500)});
  for (std::uint64_t i = 0; i < 600; i += 3) set.add(Offset(i));
  EXPECT_FALSE(set.contains(Offset(9))) << "outside";
  EXPECT_TRUE(set.contains(Offset(12)));
  EXPECT_FALSE(set.contains(Offset(13)));
  EXPECT_EQ(set.count({.first = Offset(10), .end = Offset(500)}), 163U);
  EXPECT_EQ(set.count({.first = Offset(12), .end = Offset(13)}), 1U);
  EXPECT_EQ(set.count({.first = Offset(75), .end = Offset(203)}), 43U);
}

// What a log should hold: its newest records by key.
class CompactedLog : public ::testing::Test {
 protected:
  void begin(const TopicConfig& config) { topic_ = log_.topic(config); }
  TopicConfig config() const {
    return {.segment_bytes = 256 * 1024, .compaction = Compaction::kNewest};
  }
  void put(const std::string& key, const std::string& value) {
    const auto appended = log_.client().append(topic_, {value_record(value, key)});
    ASSERT_TRUE(appended);
    newest_[key] = {.offset = appended->first.value(), .key = key, .value = value};
  }
  void remove(const std::string& key) {
    RecordFields fields = value_record("", key);
    fields.kind = RecordKind::kTombstone;
    ASSERT_TRUE(log_.client().append(topic_, {fields}));
    newest_.erase(key);
  }
  void fill(std::size_t count, std::size_t keys, std::uint64_t seed = 1) {
    Random random(seed);
    for (std::size_t i = 0; i < count; ++i) {
      put("key " + std::to_string(random.below(keys)),
          "value " + std::to_string(i) + std::string(1000, 'x'));
    }
  }
  std::vector<StoredRecord> read_all() {
    const auto bounds = log_.store().bounds(topic_, PartitionId(0));
    const auto all = log_.client().read_all(topic_, PartitionId(0), bounds->start);
    EXPECT_TRUE(all) << all.error().message;
    EXPECT_THAT(all->gaps, IsEmpty());
    return all->records;
  }
  // Whoever reads from the start to the end and remembers the last of each key has the same.
  void expect_newest() {
    std::map<std::string, StoredRecord> seen;
    std::uint64_t next = 0;
    for (const StoredRecord& record : read_all()) {
      EXPECT_GE(record.offset, next);
      next = record.offset + 1;
      if (record.value.empty()) {
        seen.erase(record.key);
      } else {
        seen[record.key] = record;
      }
    }
    EXPECT_EQ(seen, newest_);
  }

  SimDevice device_{1};
  WorkedStore log_{device_};
  TopicId topic_;
  std::map<std::string, StoredRecord> newest_;
};

TEST_F(CompactedLog, KeepsTheNewestOfEachKeyAtItsOffset) {
  begin(config());
  fill(1000, 40);
  const std::size_t before = log_.sealed(topic_).size();
  ASSERT_GT(before, 3U);
  log_.work(1min);
  EXPECT_GE(log_.store().upkeep().compactions, 1U);
  EXPECT_GT(log_.store().upkeep().records_dropped, 500U);
  const auto sealed = log_.sealed(topic_);
  EXPECT_LT(sealed.size(), before) << "small neighbours became one";
  std::uint64_t records = 0;
  for (const ManifestSegment& segment : sealed) {
    EXPECT_NE(segment.cleaned_at, Timestamp{});
    records += segment.record_count;
  }
  EXPECT_LE(records, 40U);
  expect_newest();
  log_.reopen();
  for (const PartitionReport& report : log_.store().report().partitions) {
    EXPECT_THAT(report.notes, IsEmpty());
    EXPECT_THAT(report.damaged, IsEmpty());
  }
  expect_newest();
  EXPECT_LE(read_all().size(), 40U + 64U) << "and what is in the active segment";
}

// Few keys fit into memory: more passes find the same.
TEST_F(CompactedLog, IsSurveyedInPassesWhenItHasManyKeys) {
  begin({.segment_bytes = 256 * 1024});
  fill(500, 100);
  const auto sealed = log_.sealed(topic_);
  ASSERT_GT(sealed.size(), 3U);
  BufferPool pool(4 * kMiB);
  struct Answer {
    std::shared_ptr<OffsetSet> newest;
    std::uint64_t passes;
  };
  const auto survey = [&](std::size_t keys_max) {
    KeySurvey made(device_, pool,
                   {.folder = log_.folder(),
                    .partition = {.store = log_.store().report().store,
                                  .topic = topic_,
                                  .partition = PartitionId(0),
                                  .epoch = {}},
                    .segments = sealed,
                    .window_end = sealed.back().end_offset,
                    .keys_max = keys_max});
    while (true) {
      const Result<bool> done = made.step();
      EXPECT_TRUE(done) << done.error().message;
      if (!done || *done) return Answer{made.newest(), made.passes()};
    }
  };
  const Answer once = survey(1000);
  const Answer often = survey(8);
  EXPECT_EQ(once.passes, 1U);
  EXPECT_GT(often.passes, 100U / 8);
  std::map<std::string, std::uint64_t> newest;
  const Offset end = sealed.back().end_offset;
  for (const StoredRecord& record : read_all()) {
    if (Offset(record.offset) < end) newest[record.key] = record.offset;
  }
  std::uint64_t found = 0;
  for (Offset offset(0); offset < end; ++offset) {
    ASSERT_EQ(once.newest->contains(offset), often.newest->contains(offset)) << offset.value();
    found += once.newest->contains(offset) ? 1U : 0U;
  }
  EXPECT_EQ(found, newest.size());
  for (const auto& [key, offset] : newest) EXPECT_TRUE(once.newest->contains(Offset(offset)));
}

TEST_F(CompactedLog, IsCompactedAgainAsItGrows) {
  begin(config());
  for (std::uint64_t round = 0; round < 5; ++round) {
    fill(400, 60, round);
    log_.work(1min);
    expect_newest();
  }
  EXPECT_GE(log_.store().upkeep().compactions, 2U);
  std::uint64_t records = 0;
  for (const ManifestSegment& segment : log_.sealed(topic_)) records += segment.record_count;
  EXPECT_LE(records, 3 * 60U + 400U);
}

TEST_F(CompactedLog, KeepsRecordsWithoutAKey) {
  begin(config());
  for (std::size_t i = 0; i < 200; ++i) {
    log_.append(topic_, "keyless " + std::to_string(i));
    put("key", "value " + std::to_string(i) + std::string(1000, 'x'));
  }
  log_.work(1min);
  std::size_t keyless = 0;
  for (const StoredRecord& record : read_all()) keyless += record.key.empty() ? 1U : 0U;
  EXPECT_EQ(keyless, 200U);
}

TEST_F(CompactedLog, DropsTombstonesAfterTheirGrace) {
  TopicConfig with_grace = config();
  with_grace.tombstone_grace = 1h;
  begin(with_grace);
  put("gone", "for ever");
  put("kept", "for ever");
  remove("gone");
  fill(400, 10);
  log_.work(1min);
  const auto has_key = [&](const std::string& key) {
    return std::ranges::any_of(read_all(), [&](const StoredRecord& r) { return r.key == key; });
  };
  log_.reopen();  // nothing is read from memory
  EXPECT_TRUE(has_key("gone")) << "the tombstone, for who reads slowly";
  EXPECT_EQ(read_all().front().key, "kept") << "what it deletes is gone";
  fill(1500, 10, 2);  // so that there is enough for another pass
  log_.work(1min);
  ASSERT_GE(log_.store().upkeep().compactions, 1U);
  EXPECT_TRUE(has_key("gone")) << "its grace is not over";
  log_.work(2h);
  fill(4500, 10, 3);
  log_.work(1min);
  log_.reopen();
  EXPECT_FALSE(has_key("gone"));
  EXPECT_TRUE(has_key("kept"));
  expect_newest();
}

TEST_F(CompactedLog, IsNotHeldUpByADamagedSegment) {
  begin(config());
  fill(1000, 40);
  const auto sealed = log_.sealed(topic_);
  const std::string path = log_.folder() + "/" + file_names::segment(sealed[1].epoch);
  auto bytes = *device_.contents(path);
  bytes.resize(bytes.size() / 2);
  ASSERT_TRUE(device_.set_contents(path, bytes));
  log_.work(1min);
  const auto after = log_.sealed(topic_);
  EXPECT_THAT(after, Contains(sealed[1])) << "left as it is";
  for (const ManifestSegment& segment : after) {
    if (segment != sealed[1]) {
      EXPECT_NE(segment.cleaned_at, Timestamp{});
    }
  }
  EXPECT_EQ(*device_.contents(path), bytes);
}

// What is kept behind it names what is before: it may still be there.
TEST_F(CompactedLog, KeepsTheChainToASegmentThatItCouldNotGoOver) {
  begin(config());
  fill(1000, 40);
  const auto sealed = log_.sealed(topic_);
  const std::string path = log_.folder() + "/" + file_names::segment(sealed[1].epoch);
  const auto whole = *device_.contents(path);
  ASSERT_TRUE(device_.set_contents(path, {whole.begin(), whole.begin() + 4096}));
  log_.work(1min);
  ASSERT_THAT(log_.sealed(topic_), Contains(sealed[1])) << "left as it is";
  ASSERT_TRUE(device_.set_contents(path, whole));
  log_.reopen();
  std::map<std::string, std::vector<Offset>> readable;
  for (const StoredRecord& record : read_all())
    readable[record.key].push_back(Offset(record.offset));
  std::size_t replayed = 0;
  for (const auto& [key, offsets] : readable) {
    const auto batch = log_.client().read_entity(
        topic_, key, {.from = IncrementId(1), .records_max = 100}, PartitionId(0));
    ASSERT_TRUE(batch) << batch.error().message;
    std::vector<Offset> found;
    for (const Record& record : batch->records()) found.push_back(record.offset);
    EXPECT_EQ(found, offsets) << key;
    replayed += found.size();
  }
  EXPECT_GT(replayed, 100U) << "the segment held more than the newest of each key";
}

TEST_F(CompactedLog, WaitsForRoomOnAFullDevice) {
  begin(config());
  fill(1000, 40);
  std::uint64_t used = 0;
  for (const std::string& file : device_.files())
    used += (device_.contents(file)->size() + 4095) / 4096 * 4096;
  device_.set_capacity(used + 8 * 1024);
  log_.work(2min);
  expect_newest();
  EXPECT_EQ(log_.store().upkeep().compactions, 0U);
  device_.set_capacity(used + 64 * kMiB);
  log_.work(2min);
  EXPECT_GE(log_.store().upkeep().compactions, 1U);
  expect_newest();
}

// Power goes at many steps, and the disk keeps what it may.
TEST(CompactionAndCrash, LeavesTheNewestOfEachKey) {
  std::uint64_t images = 0;
  std::uint64_t first_step = 0;  // behind the last append
  const auto run = [&first_step](SimDevice& device) {
    WorkedStore log(device);
    const TopicId topic =
        log.topic({.segment_bytes = limits::kSegmentBytesMin, .compaction = Compaction::kNewest});
    for (std::uint64_t i = 0; i < 60; ++i) {
      (void)log.client().append(
          topic, {value_record(std::to_string(i) + std::string(1500, 'x'), std::to_string(i % 7))});
    }
    if (first_step == 0) first_step = device.steps();
    log.work(20s);
    return log.store().upkeep().compactions.load();
  };
  SimDevice whole(1);
  ASSERT_GE(run(whole), 1U);
  for (std::uint64_t step = first_step + 1; step <= whole.steps(); step += 3) {
    SimDevice device(1);
    device.crash_at(step);
    (void)run(device);
    for (const LossMode mode : kAllLossModes) {
      const auto image = device.image(mode, step);
      ++images;
      WorkedStore log(*image);
      const auto topic = log.store().find_topic("t");
      if (!topic) continue;
      for (int round = 0; round < 2; ++round) {
        std::map<std::string, StoredRecord> seen;
        const auto all = log.client().read_all(topic->id);
        ASSERT_TRUE(all) << all.error().message << " step " << step << " " << name_of(mode);
        ASSERT_THAT(all->gaps, IsEmpty()) << "step " << step << " " << name_of(mode);
        for (const StoredRecord& record : all->records) seen[record.key] = record;
        ASSERT_EQ(seen.size(), 7U) << "step " << step << " " << name_of(mode);
        for (const auto& [key, record] : seen) {
          ASSERT_EQ(record.offset % 7, std::stoull(key));
          ASSERT_GE(record.offset, 53U) << "step " << step << " " << name_of(mode);
        }
        log.work(20s);
      }
      ASSERT_THAT(log.files(), Not(Contains(HasSubstr(".new"))));
    }
  }
  std::cout << images << " images\n";
  EXPECT_GT(images, 100U);
}

}  // namespace
}  // namespace bimip::testing
