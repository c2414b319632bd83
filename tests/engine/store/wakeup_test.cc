#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "engine/device/sim_device.h"
#include "engine/store/store.h"
#include "tests/support/log_client.h"

namespace bimip::testing {
namespace {

// Counts the answers that were given when it is woken.
class Sleeper final : public Wakeup {
 public:
  void wake() override { answers_at_wake.push_back(answers); }

  std::size_t answers = 0;
  std::vector<std::size_t> answers_at_wake;
};

class WakingAppend final : public AppendRequest {
 public:
  explicit WakingAppend(Sleeper& sleeper) : sleeper_(sleeper) { records = {&fields_, 1}; }
  void on_appended(Result<Appended>) override {
    ++sleeper_.answers;
    wake_after_answers(sleeper_);
  }

 private:
  Sleeper& sleeper_;
  RecordFields fields_ = value_record("x");
};

TEST(Wakeup, ComesOnceForAllAnswersOfARound) {
  SimDevice device(1);
  auto store = Store::open({.directory = "/data",
                            .free_space_floor = 0,
                            .device = &device,
                            .threading = Threading::kManual});
  ASSERT_TRUE(store);
  const Result<TopicInfo> topic = (*store)->create_topic("t", {});
  ASSERT_TRUE(topic);
  Sleeper sleeper;
  std::deque<WakingAppend> appends;
  for (int i = 0; i < 3; ++i) {
    WakingAppend& append = appends.emplace_back(sleeper);
    append.topic = topic->id;
    (*store)->append(append);
  }
  while (sleeper.answers < 3) (*store)->step();
  EXPECT_THAT(sleeper.answers_at_wake, ::testing::ElementsAre(3));
}

TEST(Wakeup, ComesAtOnceOutsideOfARound) {
  SimDevice device(1);
  auto store = Store::open({.directory = "/data",
                            .free_space_floor = 0,
                            .device = &device,
                            .threading = Threading::kManual});
  ASSERT_TRUE(store);
  Sleeper sleeper;
  WakingAppend to_nowhere(sleeper);
  to_nowhere.topic = TopicId(4711);
  (*store)->append(to_nowhere);
  EXPECT_THAT(sleeper.answers_at_wake, ::testing::ElementsAre(1));
}

}  // namespace
}  // namespace bimip::testing
