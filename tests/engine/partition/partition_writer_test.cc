#include "engine/partition/partition_writer.h"

#include <gmock/gmock.h>

#include "tests/engine/partition/partition_bench.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

constexpr TopicConfig kSmallSegments{.segment_bytes = limits::kSegmentBytesMin};
constexpr TopicConfig kWritten{.durability = Durability::kWritten};
const Status kBroken = fail(ErrorCode::kIo, "the device is broken");

class PartitionWriterTest : public PartitionBench {};

TEST_F(PartitionWriterTest, AnswersOnlyWhatIsDurable) {
  open();
  const Request& request = append("a");
  turn();
  turn();
  EXPECT_FALSE(request.done());
  ASSERT_EQ(queue_->held(), 1U);
  EXPECT_EQ(queue_->at(0).durability, WriteDurability::kDurable);
  EXPECT_EQ(bounds().visible_end, Offset(0));
  EXPECT_TRUE(read().empty()) << "nobody reads what may be lost";
  queue_->finish(0);
  turn();
  EXPECT_EQ(request.offset(), 0U);
  EXPECT_EQ(bounds().visible_end, Offset(1));
  EXPECT_EQ(bounds().durable_end, Offset(1));
  EXPECT_EQ(read(), (Records{{0, "", "a"}}));
}

TEST_F(PartitionWriterTest, AnswersInOffsetOrderHoweverTheWritesFinish) {
  open();
  std::vector<const Request*> asked;
  const std::string large(60'000, 'x');
  for (int i = 0; i < 3; ++i) {
    asked.push_back(&append(large));
    turn();
  }
  ASSERT_EQ(queue_->held(), 3U) << "several commits on their way at once";
  queue_->finish(2);
  turn();
  queue_->finish(1);
  turn();
  EXPECT_TRUE(answered_.empty()) << "the first may still be lost, and with it what follows";
  EXPECT_EQ(bounds().visible_end, Offset(0));
  queue_->finish(0);
  turn();
  EXPECT_EQ(answered_, asked);
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_EQ(asked[i]->offset(), i);
}

TEST_F(PartitionWriterTest, PacksWhatWaitsIntoOneCommit) {
  open();
  append("alone");
  turn();
  ASSERT_EQ(queue_->held(), 1U) << "with nothing on its way nobody waits for company";
  for (int i = 0; i < 10; ++i) append("in company");
  turn();
  ASSERT_EQ(queue_->held(), 2U);
  for (int i = 0; i < 9; ++i) append("waiting");
  turn();
  EXPECT_EQ(queue_->held(), 2U) << "fewer than are on their way wait until one comes back";
  queue_->finish(0);
  queue_->finish(0);
  turn();
  turn();
  EXPECT_EQ(queue_->held(), 1U);
  settle();
  EXPECT_EQ(answered_.size(), 20U);
  EXPECT_EQ(read().size(), 20U);
}

TEST_F(PartitionWriterTest, NeverHasMoreCommitsOnTheirWayThanItMay) {
  open();
  for (int i = 0; i < 20; ++i) append(std::string(900'000, 'x'));
  turn();
  EXPECT_LE(queue_->held(), limits::kCommitsInFlightMax);
  settle();
  EXPECT_EQ(read().size(), 20U);
}

TEST_F(PartitionWriterTest, AnswersWhatAsksForLessWhenItIsWritten) {
  open(kWritten);
  const Request& written = append("a");
  const Request& durable = append("b", Durability::kDurable);
  turn();
  ASSERT_EQ(queue_->held(), 1U);
  EXPECT_EQ(queue_->at(0).durability, WriteDurability::kWritten);
  queue_->finish(0);
  turn();
  EXPECT_TRUE(written.done());
  EXPECT_FALSE(durable.done());
  EXPECT_EQ(bounds().visible_end, Offset(2));
  EXPECT_EQ(bounds().durable_end, Offset(0));
  ASSERT_EQ(queue_->held(), 1U);
  EXPECT_EQ(queue_->at(0).kind, DeviceOperation::Kind::kSync);
  queue_->finish(0);
  turn();
  EXPECT_EQ(durable.offset(), 1U);
  EXPECT_EQ(bounds().durable_end, Offset(2));
}

TEST_F(PartitionWriterTest, MakesWhatWasOnlyWrittenDurableInTheBackground) {
  open(kWritten);
  append("a");
  settle();
  EXPECT_EQ(bounds().durable_end, Offset(0));
  pass(limits::kBackgroundSync + 250ms);
  EXPECT_EQ(bounds().durable_end, Offset(1));
}

TEST_F(PartitionWriterTest, ASyncCoversOnlyWhatWasWrittenBeforeIt) {
  open(kWritten);
  const Request& first = append("a", Durability::kDurable);
  turn();
  queue_->finish(0);
  turn();  // the sync is on its way
  const Request& second = append("b", Durability::kDurable);
  turn();
  ASSERT_EQ(queue_->held(), 2U);
  queue_->finish(1);  // the second write, while the sync is still out
  turn();
  queue_->finish(0);
  turn();
  EXPECT_TRUE(first.done());
  EXPECT_FALSE(second.done());
  EXPECT_EQ(bounds().durable_end, Offset(1));
  settle();
  EXPECT_TRUE(second.done());
}

TEST_F(PartitionWriterTest, RollsBySizeAndReadsAcrossSegments) {
  open(kSmallSegments);
  for (int i = 0; i < 20; ++i) {
    append(std::to_string(i) + std::string(10'000, 'x'));
    settle();
  }
  EXPECT_TRUE(there("0000000003.segment"));
  const Records records = read();
  ASSERT_EQ(records.size(), 20U);
  EXPECT_EQ(records[19].value.substr(0, 2), "19");
  EXPECT_EQ(read(Offset(7)).front().offset, 7U);
}

TEST_F(PartitionWriterTest, RollsByAgeOnceNothingWaits) {
  open({.segment_age = 60s});
  append("old");
  settle();
  pass(59s);
  EXPECT_FALSE(there("0000000002.segment"));
  pass(2s);
  EXPECT_TRUE(there("0000000002.segment"));
  append("new");
  settle();
  EXPECT_EQ(read(), (Records{{0, "", "old"}, {1, "", "new"}}));
}

TEST_F(PartitionWriterTest, AnEmptySegmentNeverRolls) {
  open({.segment_age = 60s});
  pass(200s);
  EXPECT_FALSE(there("0000000002.segment"));
}

TEST_F(PartitionWriterTest, AfterAFailedWriteNothingMoreIsWritten) {
  open();
  const std::string large(60'000, 'x');
  const Request& first = append(large);
  turn();
  const Request& second = append(large);
  turn();
  const Request& third = append(large);
  turn();
  ASSERT_EQ(queue_->held(), 3U);
  queue_->finish(2);
  queue_->finish(1, kBroken);
  queue_->finish(0);
  turn();
  EXPECT_TRUE(first.stored());
  EXPECT_EQ(second.error(), ErrorCode::kDegraded);
  EXPECT_EQ(third.error(), ErrorCode::kDegraded) << "it stands behind a hole";
  EXPECT_EQ(bounds().visible_end, Offset(1));
  const Request& late = append("late");
  settle();
  EXPECT_EQ(late.error(), ErrorCode::kDegraded);
  EXPECT_EQ(queue_->held(), 0U);
  EXPECT_EQ(read().size(), 1U) << "what was there stays readable";
  open();
  EXPECT_EQ(report_.log_end, Offset(1));
  EXPECT_TRUE(report_.damaged.empty());
  EXPECT_EQ(report_.torn.size(), 1U);
  EXPECT_EQ(append("again").done(), false);
  settle();
  EXPECT_EQ(read().size(), 2U);
}

TEST_F(PartitionWriterTest, AfterAFailedSyncNothingMoreIsWritten) {
  open(kWritten);
  const Request& durable = append("a", Durability::kDurable);
  turn();
  queue_->finish(0);
  turn();
  queue_->finish(0, kBroken);
  turn();
  EXPECT_EQ(durable.error(), ErrorCode::kDegraded);
  EXPECT_EQ(bounds().durable_end, Offset(0));
  pass(5s);
  EXPECT_EQ(queue_->held(), 0U) << "a sync is never tried again";
  EXPECT_TRUE(stop());
}

TEST_F(PartitionWriterTest, AFullDeviceRefusesAndIsAskedAgainLater) {
  open();
  device_.set_capacity(300 * 1024);
  const std::string large(200'000, 'x');
  append(large);
  settle();
  const Request& refused = append(large);
  settle();
  append("small");  // pumps
  settle();
  EXPECT_EQ(refused.error(), ErrorCode::kNoSpace);
  device_.set_capacity(64 * 1024 * 1024);
  clock_.pass(limits::kSpaceRetry);
  const Request& taken = append(large);
  settle();
  EXPECT_TRUE(taken.stored());
  EXPECT_TRUE(stop());
  open();
  EXPECT_TRUE(report_.clean);
}

// Whoever asks all the time must not put off the next attempt for ever.
TEST_F(PartitionWriterTest, FindsSpaceAgainHoweverOftenItIsAsked) {
  open(kSmallSegments);
  device_.fail_next({.operation = SimOperation::kCreate,
                     .path_contains = ".segment",
                     .code = ErrorCode::kNoSpace,
                     .times = 1'000'000});
  const std::string value(9'000, 'x');
  bool full = false;
  for (int i = 0; i < 20; ++i) {
    const Request& request = append(value);
    settle();
    full = full || !request.stored();
  }
  ASSERT_TRUE(full);
  device_.clear_faults();
  bool stored = false;
  for (int i = 0; i < 20 && !stored; ++i) {
    clock_.pass(50ms);
    const Request& request = append(value);
    settle();
    stored = request.stored();
  }
  EXPECT_TRUE(stored);
}

class SealWithoutRoom : public PartitionBench {
 protected:
  // Rolls while there is no room for what sealing writes.
  void roll_without_room() {
    open(kSmallSegments);
    device_.fail_next({.operation = SimOperation::kCreate,
                       .path_contains = ".index",
                       .code = ErrorCode::kNoSpace,
                       .times = 1'000'000});
    for (int i = 0; i < 40; ++i) {
      append(std::string(9'000, 'x'));
      settle();
    }
  }
};

TEST_F(SealWithoutRoom, RefusesWhatTheNextSegmentCannotTake) {
  roll_without_room();
  EXPECT_EQ(answered_.back()->error(), ErrorCode::kNoSpace);
  const std::size_t stored = read().size();
  EXPECT_GT(stored, 6U);
  pass(2s);
  device_.clear_faults();
  pass(1s);
  const Request& request = append("there is room");
  settle();
  EXPECT_TRUE(request.stored());
  EXPECT_EQ(read().size(), stored + 1);
  const std::vector<std::string> names = *device_.list(place().folder);
  EXPECT_TRUE(std::ranges::any_of(names, [](const auto& n) { return n.ends_with(".index"); }));
}

TEST_F(SealWithoutRoom, IsAskedAgainWhileTheSegmentBehindItFills) {
  roll_without_room();
  for (int i = 0; i < 40; ++i) {
    clock_.pass(150ms);
    append("small");
    append(std::string(9'000, 'x'));
    settle();
  }
  EXPECT_EQ(answered_.back()->error(), ErrorCode::kNoSpace);
}

TEST_F(SealWithoutRoom, DoesNotKeepTheLogFromClosing) {
  roll_without_room();
  EXPECT_TRUE(stop());
  device_.clear_faults();
  const std::size_t stored = static_cast<std::size_t>(
      std::ranges::count_if(answered_, [](const Request* r) { return r->stored(); }));
  open(kSmallSegments);
  EXPECT_EQ(report_.log_end, Offset(stored));
  EXPECT_EQ(read().size(), stored);
}

TEST_F(PartitionWriterTest, AFailedSealIsFollowedByNoOtherJob) {
  open({.segment_bytes = 1024 * 1024});
  const auto write_on = [this] {
    append(std::string(9'000, 'x'));
    turn();
    while (queue_->held() > 0) {
      queue_->finish(0);
      turn();
    }
  };
  const auto second_is_begun = [this] {
    const auto bytes = device_.contents(path(file_names::segment(Epoch(2))).string());
    return bytes && decode_segment_header(Bytes(*bytes).first(limits::kSectorBytes));
  };
  while (true) {
    write_on();
    if (second_is_begun()) break;
    settle();
  }
  // The first one's seal has its turn, an extension of the second waits.
  for (int i = 0; i < 40; ++i) write_on();
  ASSERT_FALSE(there(file_names::index(Epoch(1))));
  device_.fail_next({.operation = SimOperation::kTruncate, .path_contains = ".segment"});
  ASSERT_TRUE(jobs_.run_one());
  const std::uint64_t steps = device_.steps();
  settle();
  EXPECT_EQ(device_.steps(), steps) << "each job builds on the one before";
  append("late");
  settle();
  EXPECT_EQ(answered_.back()->error(), ErrorCode::kDegraded);
  EXPECT_TRUE(stop());
}

TEST_F(PartitionWriterTest, AnIdleLogEndsWithAWitness) {
  open();
  append("a");
  settle();
  pass(limits::kWitnessAfter + 500ms);
  open();
  EXPECT_TRUE(report_.clean);
  EXPECT_EQ(report_.log_end, Offset(1));
}

TEST_F(PartitionWriterTest, AClosedLogEndsWithAWitnessAndRefusesWhatComesLater) {
  open();
  append("a");
  settle();
  ASSERT_TRUE(stop());
  const Request& late = append("late");
  turn();
  EXPECT_EQ(late.error(), ErrorCode::kClosed);
  open();
  EXPECT_TRUE(report_.clean);
}

TEST_F(PartitionWriterTest, AWithdrawnRequestIsNotStored) {
  open();
  Request& request = append("a");
  request.withdrawn = true;
  settle();
  EXPECT_EQ(request.error(), ErrorCode::kBusy);
  EXPECT_TRUE(read().empty());
}

TEST_F(PartitionWriterTest, MoreThanMayWaitIsRefused) {
  open();
  const std::string large(1'000'000, 'x');
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    const Request& request = append(large);
    if (request.done() && request.error() == ErrorCode::kBusy) ++refused;
  }
  EXPECT_EQ(refused, 7);
  settle();
  EXPECT_EQ(read().size(), 33U);
  EXPECT_FALSE(append(large).done()) << "what was taken counts no more";
  settle();
}

TEST_F(PartitionWriterTest, TimestampsNeverGoBack) {
  open();
  append("a");
  settle();
  clock_.step_wall(-1h);
  append("b");
  settle();
  Result<RecordBatch> batch = reader().read_disk(Offset(0), 1'000'000);
  ASSERT_TRUE(batch);
  std::vector<Timestamp> times;
  ASSERT_TRUE(batch->for_each([&](const Record& record) { times.push_back(record.timestamp); }));
  EXPECT_EQ(times[0], times[1]);
}

// A record of a producer.
RecordFields marked(std::uint64_t number, std::string_view value) {
  RecordFields fields = value_record(value);
  fields.producer = ProducerMark{.id = {.high = 7, .low = 7}, .number = ProducerNumber(number)};
  return fields;
}

TEST_F(PartitionWriterTest, StoresARetriedPublishOnce) {
  open();
  const Request& first = append_records({marked(1, "a")});
  settle();
  const Request& again = append_records({marked(1, "a")});
  settle();
  EXPECT_EQ(first.offset(), again.offset());
  EXPECT_EQ(read().size(), 1U);
}

TEST_F(PartitionWriterTest, AnswersARetryNoSoonerThanWhatItRetries) {
  open();
  const Request& first = append_records({marked(1, "a")});
  turn();
  const Request& again = append_records({marked(1, "a")});
  turn();
  turn();
  EXPECT_FALSE(again.done()) << "its first record is not durable yet";
  queue_->finish(0);
  turn();
  EXPECT_EQ(answered_, (std::vector<const Request*>{&first, &again}));
  EXPECT_EQ(again.offset(), 0U);
}

TEST_F(PartitionWriterTest, AnswersEachRecordOfAHalfRetriedAppend) {
  open();
  append_records({marked(1, "a"), marked(2, "b")});
  append("between");
  settle();
  const Request& half = append_records({marked(2, "b"), marked(3, "c")});
  settle();
  EXPECT_THAT(half.appended().offsets, ElementsAre(Offset(1), Offset(3)));
  EXPECT_EQ(half.appended().at(1), Offset(3));
  EXPECT_EQ(read().size(), 4U);
}

TEST_F(PartitionWriterTest, RefusesANumberOlderThanWhatItRemembers) {
  open();
  append_records({marked(10, "a")});
  settle();
  const Request& old = append_records({marked(9, "b")});
  const Request& both = append_records({marked(3, "c"), marked(11, "d")});
  settle();
  EXPECT_EQ(old.error(), ErrorCode::kSuperseded);
  EXPECT_EQ(both.error(), ErrorCode::kSuperseded) << "all of it or nothing";
  EXPECT_EQ(read().size(), 1U);
}

TEST_F(PartitionWriterTest, RefusesNumbersThatGoBackWithinAnAppend) {
  open();
  const Request& request = append_records({marked(5, "a"), marked(4, "b")});
  settle();
  ASSERT_TRUE(request.done());
  EXPECT_FALSE(request.stored());
  EXPECT_TRUE(read().empty());
}

TEST_F(PartitionWriterTest, KnowsARetryAfterACrash) {
  open(kSmallSegments);
  const std::string large(6'000, 'x');
  for (std::uint64_t i = 1; i <= 30; ++i) {
    append_records({marked(i, large)});
    settle();
  }
  append_records({marked(31, "newest")});
  turn();
  queue_->finish(0);  // durable, and nobody was told
  open(kSmallSegments);
  EXPECT_EQ(report_.log_end, Offset(31));
  const Request& newest = append_records({marked(31, "newest")});
  const Request& old = append_records({marked(2, "x")});
  const Request& next = append_records({marked(32, "next")});
  settle();
  EXPECT_EQ(newest.offset(), 30U);
  EXPECT_EQ(old.offset(), 1U);
  EXPECT_EQ(next.offset(), 31U);
}

TEST_F(PartitionWriterTest, ACheckpointBoundsWhatAnOpenReads) {
  open();
  const std::string large(1'000'000, 'x');
  for (int i = 0; i < 40; ++i) {
    clock_.pass(1500ms);
    append(large);
    settle();
  }
  EXPECT_TRUE(there("0000000001.checkpoint"));
  open();
  EXPECT_EQ(report_.log_end, Offset(40));
  constexpr std::size_t kBehind = limits::kCommitsInFlightMax * limits::kBlockBytesMax;
  EXPECT_LT(report_.bytes_read, limits::kCheckpointBytes + 2'000'000 + kBehind)
      << "not the segment: what came after the checkpoint, and the zeros behind it";
}

}  // namespace
}  // namespace bimip::testing
