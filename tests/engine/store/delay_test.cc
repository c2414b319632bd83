// A record that is held until its time: appended again then, once, whatever happens in between.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>

#include "engine/partition/held_records.h"
#include "tests/support/simulated_store.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

RecordFields held(Timestamp until) {
  RecordFields fields = value_record("x");
  fields.not_before = until;
  return fields;
}

RecordFields released(std::uint64_t from) {
  RecordFields fields = value_record("x");
  fields.producer = ProducerMark{.id = kReleaseProducer, .number = ProducerNumber(from)};
  return fields;
}

TEST(HeldRecords, GivesTheEarliestDueFirstAndNoneTwice) {
  HeldRecords table;
  table.add(held(Timestamp(30s)), Offset(1));
  table.add(held(Timestamp(10s)), Offset(2));
  table.add(held(Timestamp(20s)), Offset(3));
  EXPECT_EQ(table.next_due(), Timestamp(10s));
  EXPECT_THAT(table.take_due(Timestamp(9s), 9), IsEmpty());
  EXPECT_THAT(table.take_due(Timestamp(25s), 9), ElementsAre(Offset(2), Offset(3)));
  EXPECT_EQ(table.size(), 3U) << "until the copies are durable";
  EXPECT_EQ(table.oldest(), Offset(1));
  table.add(released(2), Offset(4));
  EXPECT_EQ(table.snapshot().size(), 2U);
  EXPECT_THAT(table.in({.first = Offset(2), .end = Offset(3)}), ElementsAre(Offset(2)))
      << "its copy may not be durable";
  table.released(std::array{Offset(2)});
  table.put_back();
  EXPECT_EQ(table.size(), 2U) << "the other one of the release was not appended";
  EXPECT_THAT(table.take_due(Timestamp(25s), 9), ElementsAre(Offset(3)));
  table.released(std::array{Offset(3)});
  EXPECT_THAT(table.in({.first = Offset(2), .end = Offset(3)}), IsEmpty());
  EXPECT_THAT(table.take_due(Timestamp(99s), 9), ElementsAre(Offset(1)));
  table.put_back();
  EXPECT_THAT(table.take_due(Timestamp(99s), 9), ElementsAre(Offset(1)));
}

TEST(HeldRecords, KnowsTheOldestWhateverGoes) {
  HeldRecords table;
  EXPECT_EQ(table.oldest(), std::nullopt);
  for (std::uint64_t i = 1; i <= 3; ++i) table.add(held(Timestamp(10s * i)), Offset(i));
  EXPECT_EQ(table.oldest(), Offset(1));
  ASSERT_THAT(table.take_due(Timestamp(20s), 9), ElementsAre(Offset(1), Offset(2)));
  table.give_up(Offset(1));
  EXPECT_EQ(table.oldest(), Offset(2));
  table.released(std::array{Offset(2)});
  EXPECT_EQ(table.oldest(), Offset(3));
}

TEST(HeldRecords, OfALogForgetsThoseThatWereAppendedAgain) {
  HeldRecords table(
      {{.due = Timestamp(5s), .offset = Offset(1)}, {.due = Timestamp(4s), .offset = Offset(2)}});
  table.add(held(Timestamp(3s)), Offset(7));
  table.add(released(2), Offset(8));
  table.add(released(1000), Offset(9));  // what was held is gone already
  table.settle();
  EXPECT_THAT(table.take_due(Timestamp(9s), 9), ElementsAre(Offset(7), Offset(1)));
}

class DelayTest : public ::testing::Test {
 protected:
  DelayTest() { make_topic(); }

  void make_topic(const TopicConfig& config = {.segment_bytes = limits::kSegmentBytesMin}) {
    topic_ = sim_->store().create_topic("t" + std::to_string(topic_.value()), config)->id;
  }
  Result<Appended> append(std::string_view value, std::chrono::seconds delay,
                          std::string_view key = {}) {
    RecordFields fields = value_record(value, key);
    if (delay > 0s) fields.not_before = sim_->clock().now() + delay;
    return sim_->log().append(topic_, {fields});
  }

  struct Delivered {
    std::string value;
    Timestamp at;
  };
  std::vector<Delivered> delivered() {
    std::vector<Delivered> records;
    const auto bounds = sim_->store().bounds(topic_, PartitionId(0));
    for (Offset from = bounds->start;;) {
      const auto batch = sim_->log().read(topic_, from);
      if (!batch) {
        ADD_FAILURE() << batch.error().message;
        return records;
      }
      if (batch->range().first == batch->range().end) return records;
      EXPECT_TRUE(batch->for_each([&](const Record& record) {
        records.push_back({std::string(as_text(record.value)), record.timestamp});
      }));
      from = batch->range().end;
    }
  }
  std::vector<std::string> values() {
    std::vector<std::string> found;
    for (const Delivered& record : delivered()) found.push_back(record.value);
    return found;
  }

  std::unique_ptr<SimulatedStore> sim_ = std::make_unique<SimulatedStore>();
  TopicId topic_;
};

TEST_F(DelayTest, ComesWhenItsTimeHasComeAndNotEarlier) {
  ASSERT_TRUE(append("later", 10s));
  ASSERT_TRUE(append("now", 0s));
  ASSERT_TRUE(append("soon", 5s));
  EXPECT_THAT(values(), ElementsAre("now"));
  sim_->pass(4s);
  EXPECT_THAT(values(), ElementsAre("now"));
  sim_->pass(2s);
  EXPECT_THAT(values(), ElementsAre("now", "soon"));
  sim_->pass(20s);
  EXPECT_THAT(values(), ElementsAre("now", "soon", "later"));
}

TEST_F(DelayTest, ComesWithinAFewStepsOfItsTimeWithoutATick) {
  ASSERT_TRUE(append("x", 10s));
  sim_->pass(1s);
  sim_->clock().pass(9s);
  for (int i = 0; i < 20; ++i) sim_->store().step();
  EXPECT_THAT(values(), ElementsAre("x"));
}

TEST_F(DelayTest, OfThoseDueTogetherTheEarlierDueIsFirst) {
  ASSERT_TRUE(append("c", 9s));
  ASSERT_TRUE(append("b", 8s));
  ASSERT_TRUE(append("a", 7s));
  sim_->clock().pass(1min);
  sim_->pass(1s);
  EXPECT_THAT(values(), ElementsAre("a", "b", "c"));
}

TEST_F(DelayTest, ATimeThatHasPassedIsNow) {
  RecordFields fields = value_record("x");
  fields.not_before = sim_->clock().now() - 1s;
  ASSERT_TRUE(sim_->log().append(topic_, {fields}));
  EXPECT_THAT(values(), ElementsAre("x"));
}

TEST_F(DelayTest, MoreThanFitTogetherComeOneAfterTheOther) {
  const std::string large(200'000, 'x');
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(append(std::to_string(i) + large, std::chrono::seconds(100 - i)));
  sim_->clock().pass(1h);
  sim_->pass(1s);
  const std::vector<std::string> came = values();
  ASSERT_EQ(came.size(), 20U);
  EXPECT_EQ(came.front(), "19" + large);
  EXPECT_EQ(came.back(), "0" + large);
}

TEST_F(DelayTest, IsNumberedAmongItsEntitysWhenItIsDelivered) {
  ASSERT_TRUE(append("held", 10s, "k"));
  EXPECT_EQ(sim_->log().find_entity(topic_, "k").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(append("first", 0s, "k"));
  EXPECT_EQ(sim_->log().find_entity(topic_, "k")->last_increment, IncrementId(1));
  sim_->pass(11s);
  const auto all = sim_->log().read_entity(topic_, "k", {});
  ASSERT_TRUE(all);
  EXPECT_THAT(all->gaps(), IsEmpty());
  ASSERT_EQ(all->records().size(), 2U);
  EXPECT_EQ(as_text(all->records()[1].value), "held");
  EXPECT_EQ(all->records()[1].entity->increment, IncrementId(2));
}

TEST_F(DelayTest, ARetryIsAnsweredWithTheFirstAndChangesNothing) {
  RecordFields fields = value_record("x");
  fields.not_before = sim_->clock().now() + 10s;
  fields.producer = ProducerMark{.id = {.high = 1, .low = 1}, .number = ProducerNumber(1)};
  const auto first = sim_->log().append(topic_, {fields});
  fields.not_before = sim_->clock().now() + 99s;
  const auto second = sim_->log().append(topic_, {fields});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->first, second->first);
  sim_->pass(11s);
  EXPECT_EQ(sim_->log().append(topic_, {fields})->first, first->first) << "delivered meanwhile";
  sim_->pass(200s);
  EXPECT_THAT(values(), ElementsAre("x"));
}

TEST_F(DelayTest, WaitsThroughARestartAndComesAtOnceWhenItIsOverdue) {
  ASSERT_TRUE(append("a", 60s));
  ASSERT_TRUE(append("b", 3600s));
  sim_->close();
  sim_->clock().pass(61s);
  sim_->open();
  sim_->pass(1s);
  EXPECT_THAT(values(), ElementsAre("a"));
  sim_->clock().pass(1h);
  sim_->pass(1s);
  EXPECT_THAT(values(), ElementsAre("a", "b"));
}

TEST_F(DelayTest, FollowsTheClockInEitherDirection) {
  ASSERT_TRUE(append("x", 100s));
  sim_->clock().step_wall(-1h);
  sim_->pass(200s);
  EXPECT_THAT(values(), IsEmpty()) << "not before its time, by the clock there is";
  sim_->clock().step_wall(1h - 150s);
  sim_->pass(49s);
  EXPECT_THAT(values(), IsEmpty());
  sim_->clock().step_wall(2s);
  sim_->pass(1s);
  EXPECT_THAT(values(), ElementsAre("x"));
  sim_->clock().step_wall(-2h);
  sim_->close();
  sim_->open();
  sim_->pass(1s);
  EXPECT_THAT(values(), ElementsAre("x")) << "what was delivered stays";
}

TEST_F(DelayTest, IsHeldByTheClockThoughTheLogsTimestampsAreAheadOfIt) {
  ASSERT_TRUE(append("now", 0s));
  sim_->clock().step_wall(-1h);
  ASSERT_TRUE(append("later", 10s));
  sim_->pass(5s);
  EXPECT_THAT(values(), ElementsAre("now"));
  sim_->pass(6s);
  EXPECT_THAT(values(), ElementsAre("now", "later"));
}

TEST_F(DelayTest, NobodyElseMayReleaseARecord) {
  EXPECT_EQ(sim_->log().append(topic_, {released(0)}).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(DelayTest, IsRefusedFurtherAheadThanTheTopicAllows) {
  make_topic({.hold_max = 60s});
  EXPECT_TRUE(append("x", 59s));
  const auto refused = append("x", 61s);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("hold_max_s"));
  ASSERT_TRUE(
      sim_->store().alter_topic(sim_->store().list_topics().back().name, {.hold_max = 120s}));
  sim_->pass(1s);
  EXPECT_TRUE(append("x", 61s));
}

TEST_F(DelayTest, IsRefusedWhenItWouldExpireBeforehand) {
  RecordFields fields = held(sim_->clock().now() + 10s);
  fields.expires_at = sim_->clock().now() + 10s;
  EXPECT_EQ(sim_->log().append(topic_, {fields}).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(DelayTest, IsRefusedWhenAsManyAreHeldAsMay) {
  const std::size_t most = held_records_max({.segment_bytes = limits::kSegmentBytesMin});
  ASSERT_EQ(most, 1024U);
  std::vector<RecordFields> some(128, held(sim_->clock().now() + 10s));
  for (std::size_t i = 0; i < most; i += some.size())
    ASSERT_TRUE(sim_->log().append(topic_, some)) << i;
  const auto refused = append("one more", 20s);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTooManyHeld);
  EXPECT_TRUE(append("those without a time are taken", 0s));
  sim_->pass(12s);
  EXPECT_TRUE(append("room again", 20s));
}

TEST_F(DelayTest, IsKeptByRetentionUntilItIsDelivered) {
  make_topic({.segment_bytes = limits::kSegmentBytesMin, .segment_age = 10s, .retention_age = 30s});
  const Offset at = append("held", 300s)->first;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(append(std::string(20'000, 'x'), 0s));
    sim_->pass(10s);
  }
  EXPECT_EQ(sim_->store().bounds(topic_, PartitionId(0))->start, at);
  sim_->pass(110s);
  EXPECT_EQ(values().back(), "held");
  sim_->pass(120s);
  EXPECT_GT(sim_->store().bounds(topic_, PartitionId(0))->start, at);
  EXPECT_EQ(sim_->store().trouble_counters().held_lost, 0U);
}

TEST_F(DelayTest, IsKeptByCompactionUntilItIsDeliveredAndIsTheNewestThen) {
  make_topic({.segment_bytes = limits::kSegmentBytesMin, .compaction = Compaction::kNewest});
  ASSERT_TRUE(append("held", 300s, "k"));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(append(std::string(20'000, 'x'), 0s, "k"));
  sim_->pass(60s);
  EXPECT_GT(sim_->store().upkeep().compactions, 0U);
  EXPECT_THAT(values(), ::testing::Not(IsEmpty())) << "one that is held replaces none";
  sim_->pass(300s);
  EXPECT_EQ(values().back(), "held");
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(append(std::string(20'000, 'y'), 0s, "other"));
  sim_->pass(60s);
  sim_->close();
  sim_->open();  // what is in memory is read as it was written
  std::size_t stored_as_held = 0;
  for (Offset from(0);;) {
    const auto batch = sim_->log().read(topic_, from);
    ASSERT_TRUE(batch);
    if (batch->range().first == batch->range().end) break;
    EXPECT_TRUE(batch->for_each_stored(
        [&](const Record& record) { stored_as_held += is_held(record) ? 1U : 0U; }));
    from = batch->range().end;
  }
  EXPECT_EQ(stored_as_held, 0U) << "delivered, it goes";
  sim_->close();
  sim_->open();
  sim_->pass(1s);
  EXPECT_EQ(std::ranges::count(values(), "held"), 1);
}

// The table that a restart reads is older than that.
TEST_F(DelayTest, OneThatExpiredAndWasLeftOutByARewriteIsNotLost) {
  make_topic({.segment_bytes = limits::kSegmentBytesMin, .compaction = Compaction::kNewest});
  RecordFields fields = held(sim_->clock().now() + 10s);
  fields.expires_at = sim_->clock().now() + 20s;
  const Offset at = sim_->log().append(topic_, {fields})->first;
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(append(std::string(20'000, 'x'), 0s, "k"));
  sim_->clock().pass(30s);
  sim_->pass(60s);
  sim_->close();
  sim_->open();
  sim_->pass(1s);
  const auto batch = sim_->log().read(topic_, at);
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->for_each_stored(
      [](const Record& record) { EXPECT_FALSE(is_held(record)) << "it was not left out"; }));
  EXPECT_EQ(sim_->store().trouble_counters().held_lost, 0U);
}

TEST_F(DelayTest, ADamagedTableOfTheHeldIsMadeAgainFromTheLog) {
  for (int i = 0; i < 60; ++i)
    ASSERT_TRUE(append(std::to_string(i) + std::string(3000, 'x'), i % 2 == 0 ? 100s : 0s));
  sim_->pass(3s);
  sim_->close();
  std::string found;
  for (const std::string& name : sim_->device().files()) {
    if (name.ends_with(".producers")) found = name;
  }
  ASSERT_FALSE(found.empty()) << "segments were sealed while records were held";
  const std::size_t bytes = sim_->device().contents(found)->size();
  ASSERT_TRUE(sim_->device().flip_bit(found, FilePosition(bytes / 2), 1));
  sim_->open();
  sim_->clock().pass(200s);
  sim_->pass(2s);
  EXPECT_EQ(values().size(), 60U);
}

// One after the other, in every state that the steps of a release leave.
TEST_F(DelayTest, ComesOnceWhenPowerIsLostAtAnyStepOfItsRelease) {
  for (std::uint64_t steps = 0; steps < 40; ++steps) {
    SCOPED_TRACE("after " + std::to_string(steps) + " steps");
    sim_ = std::make_unique<SimulatedStore>(steps + 1);
    topic_ = {};
    make_topic();
    ASSERT_TRUE(append("a", 10s));
    ASSERT_TRUE(append("b", 10s, "k"));
    ASSERT_TRUE(append("c", 11s));
    sim_->clock().pass(10s);
    for (std::uint64_t step = 0; step < steps; ++step) sim_->step();
    sim_->lose_power(kAllLossModes[steps % kAllLossModes.size()], steps);
    sim_->pass(3s);
    EXPECT_THAT(values(), ElementsAre("a", "b", "c"));
    EXPECT_EQ(sim_->store().trouble_counters().held_lost, 0U);
  }
}

// Segments roll, power goes at any time, any legal image comes back: each comes once, and in time.
TEST_F(DelayTest, ComesOnceWhereverPowerWasLost) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    sim_ = std::make_unique<SimulatedStore>(seed);
    topic_ = {};
    make_topic();
    std::map<std::string, Timestamp> due;
    for (std::uint64_t i = 0; i < 120; ++i) {
      const std::string value = std::to_string(i) + std::string(seed * 131 % 700 + i, 'x');
      const std::chrono::seconds delay((i * 7 + seed) % 40);
      due[value] = sim_->clock().now() + delay;
      ASSERT_TRUE(append(value, delay));
      if (i % 3 == 0) sim_->pass(400ms);
      if (i % 17 == 16)
        sim_->lose_power(kAllLossModes[(seed + i) % kAllLossModes.size()], seed + i);
    }
    sim_->pass(60s);
    std::map<std::string, int> times;
    for (const Delivered& record : delivered()) {
      ++times[record.value];
      EXPECT_GE(record.at, due[record.value]) << "too early";
    }
    ASSERT_EQ(times.size(), due.size());
    for (const auto& [value, count] : times) EXPECT_EQ(count, 1) << value.substr(0, 5);
    EXPECT_EQ(sim_->store().trouble_counters().held_lost, 0U);
  }
}

}  // namespace
}  // namespace bimip::testing
