// What of a partition is there when others can find it, and what is still on its way when it may
// go.
#include "tests/engine/partition/partition_bench.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;

class PartitionLife : public PartitionBench {};

TEST_F(PartitionLife, IsFoundOpenWhenAllOfItIsThere) {
  int attached = 0;
  on_attach_ = [&] {
    ++attached;
    EXPECT_TRUE(partition_->unusable()) << "its entities are not there yet";
    return Status{};
  };
  open();
  EXPECT_EQ(attached, 1);
  EXPECT_FALSE(partition_->unusable());
  EXPECT_NE(partition_->entities(), nullptr);
}

TEST_F(PartitionLife, ThatBeginsInTroubleIsNotOpen) {
  on_attach_ = [] { return Status(fail(ErrorCode::kIo, "no")); };
  open();
  ASSERT_TRUE(partition_->trouble());
  EXPECT_EQ(partition_->trouble()->reads, PartitionTrouble::Reads::kServed);
  EXPECT_EQ(append("a").error(), ErrorCode::kDegraded);
}

// An idle writer may be destroyed: so it begins nothing by itself while no time passes.
TEST_F(PartitionLife, IsNotIdleWhileACallOfItsOwnIsOnItsWay) {
  open({.segment_bytes = limits::kSegmentBytesMin});
  const std::string value(1500, 'v');
  for (int i = 0; i < 200; ++i) {
    append_records({value_record(value, i % 2 == 0 ? "erased" : "kept")});
    settle();
  }
  PendingErase request;
  request.key = as_bytes("erased");
  loop_->erase(*partition_, request);
  int idle = 0;
  for (int i = 0; i < 4000 && !request.done(); ++i) {
    const bool ran = jobs_.run_one();
    while (queue_->held() > 0) queue_->finish(0);
    turn();
    if (!partition_->writer()->idle()) continue;
    ++idle;
    turn();
    ASSERT_TRUE(partition_->writer()->idle()) << "something was begun";
    if (!ran) clock_.pass(250ms);
  }
  ASSERT_TRUE(request.done());
  EXPECT_TRUE(request.answer()) << request.answer().error().message;
  EXPECT_GT(idle, 0);
}

// It came when all else was done, and whoever gave it waits for an answer.
TEST_F(PartitionLife, DoesNotEndWithoutAnAnswerToWhatCameLast) {
  open();
  ASSERT_TRUE(stop());
  const auto turn_again = [&] { return loop_->run_once(std::chrono::microseconds(0)); };

  bool was_run = false;
  queue_->while_waiting = [&] { loop_->post([&] { was_run = true; }); };
  EXPECT_TRUE(turn_again());
  queue_->while_waiting = [] {};
  EXPECT_FALSE(turn_again());
  EXPECT_TRUE(was_run);

  const Request* late = nullptr;
  queue_->while_waiting = [&] { late = &append("late"); };
  EXPECT_TRUE(turn_again());
  queue_->while_waiting = [] {};
  EXPECT_FALSE(turn_again());
  ASSERT_TRUE(late->done());
  EXPECT_EQ(late->error(), ErrorCode::kClosed);
}

}  // namespace
}  // namespace bimip::testing
