// A record that was held stays where it was held until the one that was appended in its stead
// survives power loss, whatever could take it meanwhile.
#include "tests/engine/partition/partition_bench.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;

class HeldRecord : public PartitionBench {
 protected:
  static constexpr std::chrono::seconds kDelay = 60s;

  // One that is held, in a segment that is sealed; on a topic where a record is seen before it is
  // durable.
  void begin(TopicConfig config) {
    config.durability = Durability::kWritten;
    config.segment_bytes = limits::kSegmentBytesMin;
    open(config);
    due_ = clock_.now() + kDelay;
    RecordFields held = value_record("held");
    held.not_before = due_;
    append_records({held});
    for (int i = 0; i < 60; ++i) {
      append(std::string(1500, 'v'));
      settle();
    }
    while (due_ - clock_.now() > 1s) pass(250ms);
    ASSERT_EQ(copies(), 0U);
    ASSERT_EQ(bounds().start, Offset(0));
  }
  // As pass(); what is written stays so, for no sync comes back.
  void pass_without_syncs(std::chrono::milliseconds time) {
    for (; time > 0ms; time -= 250ms) {
      clock_.pass(250ms);
      for (bool busy = true; busy;) {
        turn();
        busy = jobs_.run_one();
        for (std::size_t i = 0; i < queue_->held();) {
          const bool is_sync = queue_->at(i).kind == DeviceOperation::Kind::kSync;
          if (!is_sync) queue_->finish(i);
          i += is_sync ? 1 : 0;
          busy = busy || !is_sync;
        }
        turn();
      }
    }
  }
  std::size_t copies() {
    return static_cast<std::size_t>(
        std::ranges::count(read(bounds().start), "held", &StoredRecord::value));
  }
  // On the disk.
  bool original_is_there() {
    tail_.drop(TopicId(1), PartitionId(0));
    const Result<RecordBatch> batch = reader().read_disk(Offset(0), 1);
    EXPECT_TRUE(batch) << batch.error().message;
    bool found = false;
    EXPECT_TRUE(batch->for_each_stored([&](const Record& record) {
      found = found || (record.offset == Offset(0) && is_held(record));
    }));
    return found;
  }

  Timestamp due_{};
};

TEST_F(HeldRecord, IsNoPreyOfRetentionBeforeItsCopyIsDurable) {
  begin({.retention_bytes = 1});
  pass_without_syncs(2s);
  ASSERT_EQ(copies(), 1U);
  pass_without_syncs(30s);
  EXPECT_LT(bounds().durable_end, bounds().visible_end);
  EXPECT_EQ(bounds().start, Offset(0));
  pass(30s);
  EXPECT_EQ(bounds().durable_end, bounds().visible_end);
  EXPECT_GT(bounds().start, Offset(0));
}

TEST_F(HeldRecord, IsNoPreyOfPackingBeforeItsCopyIsDurable) {
  ASSERT_TRUE(budget_.enter()) << "nothing is packed before its time";
  begin({});
  pass_without_syncs(2s);
  ASSERT_EQ(copies(), 1U);
  budget_.leave();
  pass_without_syncs(30s);
  EXPECT_GT(upkeep_.rewrites, 0U);
  EXPECT_LT(bounds().durable_end, bounds().visible_end);
  EXPECT_TRUE(original_is_there());
}

TEST_F(HeldRecord, GoesWithPackingOnceItsCopyIsDurable) {
  ASSERT_TRUE(budget_.enter());
  begin({});
  pass(2s);
  ASSERT_EQ(copies(), 1U);
  budget_.leave();
  pass(30s);
  EXPECT_GT(upkeep_.rewrites, 0U);
  EXPECT_FALSE(original_is_there());
  EXPECT_EQ(copies(), 1U);
}

}  // namespace
}  // namespace bimip::testing
