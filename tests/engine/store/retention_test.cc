// What is past its age or above its bytes goes, in whole segments, and who reads is told so.
#include "engine/partition/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/store/worked_store.h"
#include "tests/support/temp_directory.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;

Manifest three_sealed() {
  Manifest manifest{.next_epoch = Epoch(5)};
  for (std::uint64_t i = 0; i < 3; ++i) {
    manifest.segments.push_back({.epoch = Epoch(i + 1),
                                 .state = SegmentState::kSealed,
                                 .base_offset = Offset(i * 10),
                                 .end_offset = Offset(i * 10 + 10),
                                 .file_bytes = 1000,
                                 .last_timestamp = Timestamp(1h * (i + 1))});
  }
  manifest.segments.push_back(
      {.epoch = Epoch(4), .state = SegmentState::kActive, .base_offset = Offset(30)});
  return manifest;
}

TEST(Retention, KeepsAllWhenNothingIsAsked) {
  EXPECT_EQ(retained_start(three_sealed(), {}, {.now = Timestamp(1000h), .active_bytes = 1 << 30}),
            Offset(0));
}

TEST(Retention, LetsASegmentGoWhenItsNewestRecordIsTooOld) {
  const TopicConfig config{.retention_age = 2h};
  EXPECT_EQ(retained_start(three_sealed(), config, {.now = Timestamp(3h - 1us)}), Offset(0));
  EXPECT_EQ(retained_start(three_sealed(), config, {.now = Timestamp(3h)}), Offset(10));
  EXPECT_EQ(retained_start(three_sealed(), config, {.now = Timestamp(4h)}), Offset(20));
  EXPECT_EQ(retained_start(three_sealed(), config, {.now = Timestamp(400h)}), Offset(30))
      << "never the active one";
}

TEST(Retention, KeepsAsManyBytesAsItMay) {
  const auto start = [](std::uint64_t bytes, std::uint64_t active) {
    return retained_start(three_sealed(), {.retention_bytes = bytes}, {.active_bytes = active});
  };
  EXPECT_EQ(start(3001, 1000), Offset(0)) << "without the oldest there is too little";
  EXPECT_EQ(start(3000, 1000), Offset(10));
  EXPECT_EQ(start(3000, 999), Offset(0));
  EXPECT_EQ(start(1500, 500), Offset(20));
  EXPECT_EQ(start(1, 0), Offset(20)) << "the last one is needed for the bytes";
  EXPECT_EQ(start(1, 1), Offset(30));
}

TEST(Retention, SparesWhatIsHeldUntilItsTime) {
  const auto start = [](std::uint64_t oldest_held) {
    return retained_start(three_sealed(), {.retention_age = 2h},
                          {.now = Timestamp(400h), .oldest_held = Offset(oldest_held)});
  };
  EXPECT_EQ(start(9), Offset(0));
  EXPECT_EQ(start(10), Offset(10));
  EXPECT_EQ(start(29), Offset(20));
  EXPECT_EQ(start(30), Offset(30)) << "in the active segment";
}

TEST(Retention, NeverMovesTheStartBack) {
  Manifest manifest = three_sealed();
  manifest.log_start = Offset(15);
  EXPECT_EQ(retained_start(manifest, {.retention_age = 2h}, {.now = Timestamp(3h)}), Offset(15));
}

std::string value_of(std::size_t i) {
  std::string value = std::to_string(i) + ":";
  value.resize(9000, 'v');
  return value;
}

class RetainedLog : public ::testing::Test {
 protected:
  void fill(const TopicConfig& config, std::size_t count = 40) {
    topic_ = log_.topic(config);
    for (std::size_t i = 0; i < count; ++i) log_.append(topic_, value_of(i));
  }
  void expect_from(Offset start, std::size_t end = 40) {
    const auto bounds = log_.store().bounds(topic_, PartitionId(0));
    ASSERT_TRUE(bounds);
    EXPECT_EQ(bounds->start, start);
    const auto all = log_.client().read_all(topic_, PartitionId(0), start);
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_THAT(all->gaps, IsEmpty());
    ASSERT_EQ(all->records.size(), end - start.value());
    for (std::size_t i = 0; i < all->records.size(); ++i)
      ASSERT_EQ(all->records[i].value, value_of(start.value() + i));
  }

  SimDevice device_{1};
  WorkedStore log_{device_};
  TopicId topic_;
};

TEST_F(RetainedLog, GoesByAgeAndSaysWhereItStarts) {
  fill({.segment_bytes = limits::kSegmentBytesMin, .retention_age = 1h});
  const std::size_t files = log_.files().size();
  const auto sealed = log_.sealed(topic_);
  ASSERT_GE(sealed.size(), 4U);
  log_.work(59min);
  EXPECT_EQ(log_.sealed(topic_).size(), sealed.size());
  log_.work(2min);
  EXPECT_THAT(log_.sealed(topic_), IsEmpty()) << "the active one was rolled for its age, and went";
  expect_from(Offset(40));
  EXPECT_LT(log_.files().size(), files);
  const auto below = log_.client().read(topic_, Offset(3));
  ASSERT_FALSE(below);
  EXPECT_EQ(below.error().code, ErrorCode::kOutOfRange);
  EXPECT_EQ(below.error().range.first, Offset(40)) << "the first that can be read";
  log_.append(topic_, value_of(40));
  log_.reopen();
  EXPECT_TRUE(log_.store().report().unusable.empty());
  expect_from(Offset(40), 41);
}

TEST_F(RetainedLog, GoesByBytes) {
  fill({.segment_bytes = limits::kSegmentBytesMin, .retention_bytes = 150'000});
  log_.work(1min);
  std::uint64_t bytes = 0;
  const auto sealed = log_.sealed(topic_);
  for (const ManifestSegment& segment : sealed) bytes += segment.file_bytes;
  EXPECT_LE(bytes, 150'000U + limits::kSegmentBytesMin);
  EXPECT_GE(bytes + limits::kSegmentBytesMin, 150'000U);
  expect_from(sealed.front().base_offset);
  log_.reopen();
  expect_from(sealed.front().base_offset);
}

TEST_F(RetainedLog, IsChangedWhileItIsThere) {
  fill({.segment_bytes = limits::kSegmentBytesMin});
  log_.work(24h * 3);
  expect_from(Offset(0));
  EXPECT_EQ(log_.store().alter_topic("nowhere", {}).error().code, ErrorCode::kNotFound);
  const auto refused = log_.store().alter_topic("t", {.retention_age = -1s});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("retention_age_s"));
  const auto altered = log_.store().alter_topic("t", {.retention_bytes = 100'000});
  ASSERT_TRUE(altered) << altered.error().message;
  EXPECT_EQ(altered->config.retention_bytes, 100'000U);
  EXPECT_EQ(altered->config.segment_bytes, limits::kSegmentBytesMin) << "what is not named stays";
  log_.work(1min);
  EXPECT_LT(log_.sealed(topic_).size(), 4U);
  log_.reopen();
  EXPECT_EQ(log_.store().find_topic("t")->config.retention_bytes, 100'000U);
}

TEST_F(RetainedLog, KeepsWhatItKnowsOfProducersWhoseRecordsAreGone) {
  topic_ = log_.topic({.segment_bytes = limits::kSegmentBytesMin, .retention_age = 1h});
  RecordFields fields = value_record("once");
  fields.producer = ProducerMark{.id = {.high = 1, .low = 2}, .number = ProducerNumber(7)};
  ASSERT_EQ(log_.client().append(topic_, {fields})->first, Offset(0));
  log_.work(3h);
  expect_from(Offset(1), 1);
  log_.reopen();
  EXPECT_EQ(log_.client().append(topic_, {fields})->first, Offset(0)) << "it was stored once";
}

// What a batch holds is the reader's, whatever becomes of the segment.
TEST_F(RetainedLog, LetsASlowReaderKeepWhatItHas) {
  fill({.segment_bytes = limits::kSegmentBytesMin, .retention_age = 1h});
  log_.reopen();  // nothing is in memory
  const auto batch = log_.client().read(topic_, Offset(0), PartitionId(0), 1);
  ASSERT_TRUE(batch);
  log_.work(3h);
  std::size_t seen = 0;
  EXPECT_TRUE(batch->for_each([&](const Record& record) {
    EXPECT_EQ(as_text(record.value), value_of(record.offset.value()));
    ++seen;
  }));
  EXPECT_GE(seen, 1U);
  const auto next = log_.client().read(topic_, batch->range().end);
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, ErrorCode::kOutOfRange);
  EXPECT_EQ(next.error().range.first, Offset(40));
}

// Segments vanish under threads that read them: nobody is told of damage.
TEST(Retention, IsToldToReadersAsWhatItIs) {
  const TempDirectory directory;
  auto store = Store::open({.directory = directory.path(), .free_space_floor = 0});
  ASSERT_TRUE(store) << store.error().message;
  const TopicId topic = (*store)
                            ->create_topic("t", {.segment_bytes = limits::kSegmentBytesMin,
                                                 .retention_bytes = 100'000})
                            ->id;
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      LogClient log(**store);
      Offset from(0);
      while (!done) {
        const auto batch = log.read(topic, from, PartitionId(0), 1);
        if (batch) {
          ASSERT_TRUE(batch->for_each([&](const Record& record) {
            ASSERT_EQ(as_text(record.value), value_of(record.offset.value()));
          }));
          from = batch->range().first == batch->range().end ? Offset(0) : batch->range().end;
        } else {
          ASSERT_EQ(batch.error().code, ErrorCode::kOutOfRange) << batch.error().message;
          ASSERT_GT(batch.error().range.first, from);
          from = batch.error().range.first;
        }
      }
    });
  }
  LogClient log(**store);
  std::size_t next = 0;
  while ((*store)->bounds(topic, PartitionId(0))->start < Offset(12))
    ASSERT_TRUE(log.append(topic, value_of(next++)));
  done = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace bimip::testing
