// Sealed segments of small commits are written anew, dense.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/store/worked_store.h"
#include "tests/support/temp_directory.h"

namespace bimip::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t kMiB = 1024 * 1024;

std::string value_of(std::size_t i, std::size_t bytes) {
  std::string value = std::to_string(i) + ":";
  value.resize(std::max(bytes, value.size()), static_cast<char>('a' + i % 26));
  return value;
}

TEST(Packing, LeavesASealedSegmentLittleMoreThanItsRecords) {
  for (const std::size_t bytes : {1UL, 100UL, 1000UL, 3900UL, 4100UL, 9000UL, 33'000UL}) {
    SimDevice device(1);
    WorkedStore log(device);
    const TopicId topic = log.topic({.segment_bytes = 4 * kMiB});
    const std::size_t count = 5 * kMiB / ((bytes / 4096 + 1) * 4096);
    for (std::size_t i = 0; i < count; ++i) log.append(topic, value_of(i, bytes));
    log.work();
    const auto sealed = log.sealed(topic);
    ASSERT_FALSE(sealed.empty());
    for (const ManifestSegment& segment : sealed) {
      // Header, footer and the last block's padding take 12 KiB whatever is between them.
      const double allowed = 1.25 * static_cast<double>(segment.record_bytes) +
                             (segment.record_bytes < 64 * 1024 ? 12 * 1024 : 0);
      EXPECT_LE(static_cast<double>(segment.file_bytes), allowed)
          << "values of " << bytes << " bytes, " << segment.record_bytes << " bytes of records";
      EXPECT_EQ(device.contents(log.folder() + "/" + file_names::segment(segment.epoch))->size(),
                segment.file_bytes);
    }
    const auto all = log.client().read_all(topic);
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_TRUE(all->gaps.empty());
    ASSERT_EQ(all->records.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(all->records[i].offset, i);
      ASSERT_EQ(all->records[i].value, value_of(i, bytes));
    }
  }
}

TEST(Packing, LeavesDenseSegmentsAlone) {
  SimDevice device(1);
  WorkedStore log(device);
  const TopicId topic = log.topic({.segment_bytes = kMiB});
  for (std::size_t i = 0; i < 30; ++i) log.append(topic, value_of(i, 100'000));
  log.work();
  const auto sealed = log.sealed(topic);
  ASSERT_FALSE(sealed.empty());
  for (const ManifestSegment& segment : sealed) EXPECT_EQ(segment.rewrites, 0U);
  EXPECT_EQ(log.store().upkeep().rewrites, 0U);
}

class PackedLog : public ::testing::Test {
 protected:
  static constexpr std::size_t kCount = 600;
  PackedLog() {
    topic_ = log_.topic({.segment_bytes = kMiB});
    for (std::size_t i = 0; i < kCount; ++i) log_.append(topic_, value_of(i, 100));
  }

  void expect_all(std::vector<OffsetRange> gaps = {}) {
    const auto all = log_.client().read_all(topic_);
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_EQ(all->gaps, gaps);
    std::size_t next = 0;
    for (const StoredRecord& record : all->records) {
      while (std::ranges::any_of(gaps, [&](const OffsetRange& gap) {
        return gap.first <= Offset(next) && Offset(next) < gap.end;
      }))
        ++next;
      ASSERT_EQ(record.offset, next);
      ASSERT_EQ(record.value, value_of(next, 100));
      ++next;
    }
    EXPECT_EQ(next, kCount);
  }
  [[nodiscard]] std::string segment(Epoch epoch) const {
    return log_.folder() + "/" + file_names::segment(epoch);
  }

  SimDevice device_{1};
  WorkedStore log_{device_};
  TopicId topic_;
};

TEST_F(PackedLog, IsTheSameLogAfterItIsOpenedAgain) {
  const auto before = log_.sealed(topic_);
  ASSERT_EQ(before.size(), 2U);
  log_.work();
  const auto after = log_.sealed(topic_);
  ASSERT_EQ(after.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(after[i].rewrites, 1U);
    EXPECT_GT(after[i].epoch, before[i].epoch);
    EXPECT_EQ(after[i].base_offset, before[i].base_offset);
    EXPECT_EQ(after[i].end_offset, before[i].end_offset);
    EXPECT_EQ(after[i].record_count, before[i].record_count);
    EXPECT_EQ(after[i].last, before[i].last) << "the next segment goes on continuing it";
    EXPECT_EQ(after[i].end_block, before[i].end_block);
    EXPECT_THAT(log_.files(), Not(Contains(file_names::segment(before[i].epoch))));
    EXPECT_THAT(log_.files(), Not(Contains(file_names::index(before[i].epoch))));
  }
  expect_all();
  log_.reopen();
  EXPECT_TRUE(log_.store().report().unusable.empty());
  for (const PartitionReport& report : log_.store().report().partitions) {
    EXPECT_THAT(report.notes, ::testing::IsEmpty());
    EXPECT_TRUE(report.damaged.empty());
  }
  expect_all();
}

TEST_F(PackedLog, KeepsWhatItKnowsOfProducers) {
  RecordFields fields = value_record("once");
  fields.producer = ProducerMark{.id = {.high = 1, .low = 2}, .number = ProducerNumber(7)};
  const Offset first = log_.client().append(topic_, {fields})->first;
  for (std::size_t i = 0; i < 300; ++i) log_.append(topic_, "more");
  log_.work();
  ASSERT_EQ(log_.sealed(topic_).back().rewrites, 1U);
  log_.reopen();
  EXPECT_EQ(log_.client().append(topic_, {fields})->first, first);
}

// A block that rotted before its segment was packed.
TEST_F(PackedLog, KeepsTheGapOfADamagedBlockAndItsBytes) {
  const ManifestSegment sealed = log_.sealed(topic_).front();
  const FilePosition block(5 * limits::kSectorBytes);  // of the fifth record
  ASSERT_TRUE(device_.flip_bit(segment(sealed.epoch), block + 200, 3));
  const auto rotten = *device_.contents(segment(sealed.epoch));
  const std::vector<OffsetRange> gap{{.first = Offset(4), .end = Offset(5)}};
  log_.work();
  const ManifestSegment packed = log_.sealed(topic_).front();
  EXPECT_EQ(packed.rewrites, 1U);
  EXPECT_EQ(packed.record_count, sealed.record_count - 1);
  const std::string aside = log_.folder() + "/" + file_names::quarantine(sealed.epoch, block);
  const auto kept = device_.contents(aside);
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_TRUE(
      std::ranges::equal(*kept, std::span(rotten).subspan(block.value(), limits::kSectorBytes)));
  log_.reopen();  // the block was still in memory
  expect_all(gap);
  EXPECT_TRUE(device_.contents(aside));
}

TEST_F(PackedLog, LeavesASegmentAloneThatIsNotAsLongAsItShouldBe) {
  const ManifestSegment sealed = log_.sealed(topic_).front();
  auto bytes = *device_.contents(segment(sealed.epoch));
  bytes.resize(bytes.size() - limits::kSectorBytes);
  ASSERT_TRUE(device_.set_contents(segment(sealed.epoch), bytes));
  log_.work();
  EXPECT_EQ(log_.sealed(topic_)[0].epoch, sealed.epoch);
  EXPECT_EQ(log_.sealed(topic_)[1].rewrites, 1U) << "the rest is not held up";
  EXPECT_EQ(*device_.contents(segment(sealed.epoch)), bytes);
}

TEST_F(PackedLog, WaitsForRoomOnAFullDevice) {
  std::uint64_t used = 0;
  for (const std::string& file : device_.files())
    used += (device_.contents(file)->size() + 4095) / 4096 * 4096;
  device_.set_capacity(used + 16 * 1024);
  log_.work(std::chrono::minutes(2));
  EXPECT_EQ(log_.sealed(topic_)[0].rewrites, 0U);
  EXPECT_GT(log_.store().upkeep().failed, 0U);
  expect_all();
  device_.set_capacity(used + 16 * kMiB);
  log_.work(std::chrono::minutes(2));
  for (const ManifestSegment& segment : log_.sealed(topic_)) EXPECT_EQ(segment.rewrites, 1U);
  expect_all();
  log_.append(topic_, "and it is written to");
}

// Each operation of the rewrite fails once; the log stays whole, and the rewrite is done later.
TEST(PackingInTrouble, LosesNothing) {
  for (const SimOperation operation :
       {SimOperation::kCreate, SimOperation::kWrite, SimOperation::kSync, SimOperation::kRead,
        SimOperation::kRename, SimOperation::kSyncDirectory}) {
    for (const ErrorCode code : {ErrorCode::kIo, ErrorCode::kNoSpace}) {
      if (operation == SimOperation::kRead && code == ErrorCode::kNoSpace) continue;
      SimDevice device(1);
      WorkedStore log(device);
      const TopicId topic = log.topic({.segment_bytes = kMiB});
      for (std::size_t i = 0; i < 300; ++i) log.append(topic, value_of(i, 100));
      const Epoch old = log.sealed(topic).front().epoch;
      device.fail_next({.operation = operation,
                        .path_contains = operation == SimOperation::kRead
                                             ? file_names::segment(old)
                                             : std::string("segment.new"),
                        .code = code});
      log.work();
      device.clear_faults();
      log.work(std::chrono::minutes(1));
      log.reopen();
      log.work(std::chrono::minutes(1));
      EXPECT_EQ(log.sealed(topic).front().rewrites, 1U)
          << static_cast<int>(operation) << " " << name_of(code);
      const auto all = log.client().read_all(topic);
      ASSERT_TRUE(all) << all.error().message;
      EXPECT_TRUE(all->gaps.empty());
      EXPECT_EQ(all->records.size(), 300U);
      EXPECT_THAT(log.files(), Not(Contains(HasSubstr(".new"))));
      EXPECT_THAT(log.files(), Not(Contains(file_names::segment(old))));
    }
  }
}

// Reads from several threads while segments are rolled, sealed and packed under them.
TEST(Packing, IsNotSeenByReaders) {
  const TempDirectory directory;
  auto store = Store::open(
      {.directory = directory.path(), .free_space_floor = 0, .rewrite_bytes_per_second = 0});
  ASSERT_TRUE(store) << store.error().message;
  const TopicId topic = (*store)->create_topic("t", {.segment_bytes = 256 * 1024})->id;
  constexpr std::size_t kAppends = 800;
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      LogClient log(**store);
      while (!done) {
        const auto all = log.read_all(topic);
        ASSERT_TRUE(all) << all.error().message;
        ASSERT_TRUE(all->gaps.empty());
        for (std::size_t at = 0; at < all->records.size(); ++at) {
          ASSERT_EQ(all->records[at].offset, at);
          ASSERT_EQ(all->records[at].value, value_of(at, 100));
        }
      }
    });
  }
  LogClient log(**store);
  for (std::size_t i = 0; i < kAppends; ++i) ASSERT_TRUE(log.append(topic, value_of(i, 100)));
  while ((*store)->upkeep().rewrites < 5) std::this_thread::yield();
  done = true;
  for (std::thread& reader : readers) reader.join();
  const auto all = log.read_all(topic);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->records.size(), kAppends);
}

}  // namespace
}  // namespace bimip::testing
