// A record that is held until its time: appended again then, once, whatever happens in between.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "engine/format/delayed_state.h"
#include "tests/support/simulated_store.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;

class DelayTest : public ::testing::Test {
 protected:
  DelayTest() { make_topic(); }

  void make_topic() {
    topic_ = sim_->store().create_topic("t", {.segment_bytes = limits::kSegmentBytesMin})->id;
  }
  Result<Appended> append(std::string_view value, std::chrono::seconds delay) {
    RecordFields fields = value_record(value);
    if (delay > 0s) fields.not_before = sim_->clock().now() + delay;
    return sim_->log().append(topic_, {fields});
  }

  struct Delivered {
    std::string value;
    Timestamp at;
  };
  // What a subscriber is given: everything but what is held.
  std::vector<Delivered> delivered() {
    std::vector<Delivered> records;
    for (Offset from(0);;) {
      const auto batch = sim_->log().read(topic_, from);
      if (!batch) {
        ADD_FAILURE() << batch.error().message;
        return records;
      }
      if (batch->range().first == batch->range().end) return records;
      EXPECT_TRUE(batch->for_each([&](const Record& record) {
        if (!record.not_before)
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
  EXPECT_THAT(values(), ::testing::ElementsAre("now"));
  sim_->pass(4s);
  EXPECT_THAT(values(), ::testing::ElementsAre("now"));
  sim_->pass(2s);
  EXPECT_THAT(values(), ::testing::ElementsAre("now", "soon"));
  sim_->pass(20s);
  EXPECT_THAT(values(), ::testing::ElementsAre("now", "soon", "later"));
}

TEST_F(DelayTest, OfTheOnesDueTogetherTheEarlierDueIsFirst) {
  ASSERT_TRUE(append("c", 9s));
  ASSERT_TRUE(append("b", 8s));
  ASSERT_TRUE(append("a", 7s));
  sim_->clock().pass(1min);
  sim_->pass(1s);
  EXPECT_THAT(values(), ::testing::ElementsAre("a", "b", "c"));
}

TEST_F(DelayTest, ATimeThatHasPassedIsNow) {
  RecordFields fields = value_record("x");
  fields.not_before = sim_->clock().now() - 1s;
  ASSERT_TRUE(sim_->log().append(topic_, {fields}));
  EXPECT_THAT(values(), ::testing::ElementsAre("x"));
}

TEST_F(DelayTest, WaitsThroughARestartAndComesAtOnceWhenItIsOverdue) {
  ASSERT_TRUE(append("a", 60s));
  ASSERT_TRUE(append("b", 3600s));
  sim_->close();
  sim_->clock().pass(61s);
  sim_->open();
  sim_->pass(1s);
  EXPECT_THAT(values(), ::testing::ElementsAre("a"));
  sim_->clock().pass(1h);
  sim_->pass(1s);
  EXPECT_THAT(values(), ::testing::ElementsAre("a", "b"));
}

TEST_F(DelayTest, NobodyElseMayReleaseARecord) {
  RecordFields fields = value_record("x");
  fields.producer = ProducerMark{.id = kReleaseProducer, .number = ProducerNumber(0)};
  EXPECT_EQ(sim_->log().append(topic_, {fields}).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(DelayTest, ADamagedListOfThePendingIsMadeAgainFromTheLog) {
  for (int i = 0; i < 60; ++i)
    ASSERT_TRUE(append(std::to_string(i) + std::string(3000, 'x'), i % 2 == 0 ? 100s : 0s));
  sim_->pass(3s);
  sim_->close();
  const Path file = "/data/topics/t/0/delayed";
  const auto bytes = sim_->device().contents(file);
  ASSERT_TRUE(bytes) << "segments were sealed while records were held";
  ASSERT_TRUE(sim_->device().flip_bit(file, FilePosition(bytes->size() / 2), 1));
  sim_->open();
  sim_->clock().pass(200s);
  sim_->pass(2s);
  EXPECT_EQ(values().size(), 60U);
}

// Segments roll, power goes at any time, any legal image comes back: each comes once, and in time.
TEST_F(DelayTest, ComesOnceWhereverPowerWasLost) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    sim_ = std::make_unique<SimulatedStore>(seed);
    make_topic();
    std::map<std::string, Timestamp> due;
    for (int i = 0; i < 120; ++i) {
      const std::string value =
          std::to_string(i) + std::string(seed * 131 % 700 + static_cast<std::uint64_t>(i), 'x');
      const std::chrono::seconds delay((static_cast<std::uint64_t>(i) * 7 + seed) % 40);
      due[value] = sim_->clock().now() + delay;
      ASSERT_TRUE(append(value, delay));
      if (i % 3 == 0) sim_->pass(400ms);
      if (i % 17 == 16)
        sim_->lose_power(
            kAllLossModes[(seed + static_cast<std::uint64_t>(i)) % kAllLossModes.size()],
            seed + static_cast<std::uint64_t>(i));
    }
    sim_->pass(60s);
    std::map<std::string, int> times;
    for (const Delivered& record : delivered()) {
      ++times[record.value];
      EXPECT_GE(record.at, due[record.value]) << "too early";
    }
    ASSERT_EQ(times.size(), due.size());
    for (const auto& [value, count] : times) EXPECT_EQ(count, 1) << value.substr(0, 5);
    EXPECT_EQ(sim_->store().trouble_counters().delayed_lost, 0U);
  }
}

}  // namespace
}  // namespace bimip::testing
