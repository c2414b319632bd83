// Lives from a seed of a log with records that come later and records that expire: appends, power
// cuts, restarts, rewritten segments, a clock that steps, held against a model.
#include <gtest/gtest.h>

#include <map>

#include "engine/base/random.h"
#include "tests/support/simulated_store.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;

class Life {
 public:
  explicit Life(std::uint64_t seed) : random_(seed), sim_(std::make_unique<SimDevice>(seed)) {
    TopicConfig config{.segment_bytes = limits::kSegmentBytesMin << random_.below(2)};
    if (random_.one_in(2)) config.segment_age = 5s;
    if (random_.one_in(2)) config.compaction = Compaction::kNewest;
    topic_ = sim_.store().create_topic("t", config)->id;
    note_time();
  }

  void run(int actions) {
    for (int i = 0; i < actions && !::testing::Test::HasFailure(); ++i) act();
    sim_.clock().step_wall(1h);
    note_time();
    sim_.pass(3s);
    look();
    for (const auto& [value, message] : messages_) {
      if (message.expires) continue;
      EXPECT_EQ(delivered_[value], 1) << value.substr(0, 8);
    }
    EXPECT_EQ(sim_.store().trouble_counters().held_lost, 0U);
  }

 private:
  struct Message {
    Timestamp due{};
    std::optional<Timestamp> expires{};
  };

  void act() {
    const std::uint64_t dice = random_.below(100);
    if (dice < 60) return append();
    if (dice < 78) return pass(std::chrono::milliseconds(random_.below(3000)));
    if (dice < 82) return pass(10s);
    if (dice < 87) return step_clock();
    if (dice < 91) return look();
    if (dice < 95) {
      sim_.close();
      sim_.open();
      return;
    }
    // In the midst of whatever the next steps do.
    for (std::uint64_t i = random_.below(12); i > 0; --i) sim_.store().step();
    sim_.lose_power(kAllLossModes[random_.below(kAllLossModes.size())], random_.next());
  }

  void append() {
    std::string value = std::to_string(messages_.size()) + ":";
    value.resize(value.size() + random_.below(random_.one_in(8) ? 20'000 : 1500), 'v');
    const std::string key = random_.one_in(3) ? "" : value.substr(0, 8);
    RecordFields fields = value_record(value, key);
    Message message{.due = sim_.clock().now()};
    if (random_.one_in(2)) message.due += std::chrono::milliseconds(random_.below(40'000));
    if (random_.one_in(4))
      message.expires = message.due + std::chrono::milliseconds(1 + random_.below(40'000));
    fields.not_before = message.due;
    fields.expires_at = message.expires;
    messages_[value] = message;
    const auto appended = sim_.log().append(topic_, {fields});
    ASSERT_TRUE(appended) << appended.error().message;
    note_time();
  }

  void pass(std::chrono::milliseconds time) {
    sim_.pass(time);
    note_time();
  }
  void step_clock() {
    sim_.clock().step_wall(std::chrono::seconds(random_.below(60)) - 30s);
    note_time();
  }
  void note_time() { latest_ = std::max(latest_, sim_.clock().now()); }

  // All that is delivered is what was appended, whole, in time, and once.
  void look() {
    delivered_.clear();
    note_time();
    for (Offset from(0);;) {
      const auto batch = sim_.log().read(topic_, from);
      ASSERT_TRUE(batch) << batch.error().message;
      if (batch->range().first == batch->range().end) return;
      const Timestamp now = sim_.clock().now();
      EXPECT_TRUE(batch->for_each([&](const Record& record) {
        const std::string value(as_text(record.value));
        const auto message = messages_.find(value);
        ASSERT_NE(message, messages_.end()) << "never appended";
        EXPECT_EQ(++delivered_[value], 1) << "twice: " << value.substr(0, 8);
        EXPECT_LE(message->second.due, latest_) << "too early: " << value.substr(0, 8);
        EXPECT_FALSE(message->second.expires && *message->second.expires < now - 1s) << "too late";
      }));
      from = batch->range().end;
    }
  }

  Random random_;
  SimulatedStore sim_;
  TopicId topic_;
  std::map<std::string, Message> messages_;
  std::map<std::string, int> delivered_;
  Timestamp latest_{};  // that the wall clock ever showed
};

TEST(DelayLife, EveryRecordIsDeliveredOnceAndInTime) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life(seed).run(150);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace bimip::testing
