// A record that has expired: nobody is given it, and rewriting a segment leaves it out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/store/worked_store.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ExpiryTest : public ::testing::Test {
 protected:
  void append(std::string_view value, std::chrono::seconds life, std::string_view key = {}) {
    RecordFields fields = value_record(value, key);
    if (life > 0s) fields.expires_at = log_.clock().now() + life;
    ASSERT_TRUE(log_.client().append(topic_, {fields}));
  }
  std::vector<std::string> values() {
    const auto all = log_.client().read_all(topic_);
    EXPECT_TRUE(all);
    EXPECT_THAT(all->gaps, IsEmpty());
    std::vector<std::string> found;
    for (const StoredRecord& record : all->records) found.push_back(record.value);
    return found;
  }
  std::uint64_t stored() {
    std::uint64_t records = 0;
    for (const ManifestSegment& segment : log_.sealed(topic_)) records += segment.record_count;
    return records;
  }

  SimDevice device_{1};
  WorkedStore log_{device_};
  TopicId topic_;
};

TEST_F(ExpiryTest, IsNotReadAfterItsTime) {
  topic_ = log_.topic({});
  append("a", 10s);
  append("b", 0s);
  append("c", 20s);
  EXPECT_THAT(values(), ElementsAre("a", "b", "c"));
  log_.clock().pass(10s);
  EXPECT_THAT(values(), ElementsAre("b", "c"));
  log_.clock().pass(10s);
  EXPECT_THAT(values(), ElementsAre("b"));
  EXPECT_EQ(log_.store().bounds(topic_, PartitionId(0))->visible_end, Offset(3));
  log_.reopen();
  EXPECT_THAT(values(), ElementsAre("b"));
  log_.clock().step_wall(-5s);
  EXPECT_THAT(values(), ElementsAre("b", "c")) << "by the clock there is";
}

TEST_F(ExpiryTest, IsAGapAmongItsEntitysRecords) {
  topic_ = log_.topic({});
  append("1", 0s, "k");
  append("2", 10s, "k");
  append("3", 0s, "k");
  append("4", 10s, "k");
  log_.clock().pass(11s);
  const auto all = log_.client().read_entity(topic_, "k", {});
  ASSERT_TRUE(all);
  ASSERT_EQ(all->records().size(), 2U);
  EXPECT_EQ(as_text(all->records()[0].value), "1");
  EXPECT_EQ(as_text(all->records()[1].value), "3");
  ASSERT_EQ(all->gaps().size(), 2U);
  for (const EntityGap& gap : all->gaps()) EXPECT_EQ(gap.kind, EntityGapKind::kExpired);
  EXPECT_EQ(all->gaps()[0].first, IncrementId(2));
  EXPECT_EQ(all->gaps()[1].first, IncrementId(4));
  EXPECT_EQ(all->last_increment(), IncrementId(4));
  EXPECT_EQ(all->next(), IncrementId(5)) << "reading does not stay in front of it";
  const auto newest = log_.client().read_entity(
      topic_, "k", {.order = EntityOrder::kNewestFirst, .records_max = 1});
  ASSERT_TRUE(newest);
  EXPECT_THAT(newest->records(), IsEmpty());
  EXPECT_EQ(newest->next(), IncrementId(3));
}

TEST_F(ExpiryTest, IsOneGapWhereSeveralHaveInARowInEitherOrder) {
  topic_ = log_.topic({});
  for (int i = 1; i <= 6; ++i) append(std::to_string(i), i % 3 == 1 ? 0s : 10s, "k");
  log_.clock().pass(11s);
  for (const EntityOrder order : {EntityOrder::kOldestFirst, EntityOrder::kNewestFirst}) {
    const auto all = log_.client().read_entity(topic_, "k", {.order = order});
    ASSERT_TRUE(all);
    std::vector<EntityGap> gaps = all->gaps();
    if (order == EntityOrder::kNewestFirst) std::ranges::reverse(gaps);
    ASSERT_EQ(gaps.size(), 2U);
    EXPECT_EQ(gaps[0], (EntityGap{.kind = EntityGapKind::kExpired,
                                  .first = IncrementId(2),
                                  .last = IncrementId(3),
                                  .offsets = {.first = Offset(1), .end = Offset(3)}}));
    EXPECT_EQ(gaps[1], (EntityGap{.kind = EntityGapKind::kExpired,
                                  .first = IncrementId(5),
                                  .last = IncrementId(6),
                                  .offsets = {.first = Offset(4), .end = Offset(6)}}));
  }
}

TEST_F(ExpiryTest, GoesWhenItsSegmentIsPacked) {
  topic_ = log_.topic({.segment_bytes = 64 * 1024});
  for (int i = 0; i < 40; ++i) append(std::to_string(i), i % 2 == 0 ? 5s : 0s, "k");
  log_.clock().pass(6s);
  log_.work(1min);
  const std::vector<std::string> left = values();
  EXPECT_LE(stored(), left.size());
  EXPECT_GT(stored(), 0U);
  {
    const auto all = log_.client().read_entity(topic_, "k", {});
    ASSERT_TRUE(all);
    EXPECT_EQ(all->records().size(), 20U);
  }
  log_.reopen();
  EXPECT_EQ(values(), left);
  EXPECT_EQ(log_.client().find_entity(topic_, "k")->last_increment, IncrementId(40));
}

// As a tombstone does: until nothing older can come to light any more.
TEST_F(ExpiryTest, OfACompactedTopicDeletesItsKey) {
  topic_ = log_.topic(
      {.segment_bytes = 64 * 1024, .compaction = Compaction::kNewest, .tombstone_grace = 1h});
  append("old", 0s, "k");
  append("new", 5s, "k");
  for (int i = 0; i < 40; ++i) append(std::string(9000, 'x'), 0s, "other");
  log_.work(1min);
  log_.reopen();  // what is in memory is read as it was written
  EXPECT_THAT(values(), ::testing::Each(std::string(9000, 'x')));
  log_.clock().pass(2h);
  for (int i = 0; i < 40; ++i) append(std::string(9000, 'y'), 0s, "other");
  log_.work(1min);
  log_.reopen();
  EXPECT_THAT(values(), ::testing::Not(::testing::Contains("old")));
  const std::uint64_t kept = stored();
  EXPECT_LE(kept, 1U) << "the newest of 'other', when that is sealed";
}

// Its older record would be the newest then, for compaction and for whoever reads.
TEST_F(ExpiryTest, OfACompactedTopicIsNotLeftOutByPacking) {
  topic_ = log_.topic(
      {.segment_bytes = 64 * 1024, .compaction = Compaction::kNewest, .tombstone_grace = 1h});
  append("old", 0s, "k");
  append("new", 5s, "k");
  log_.clock().pass(6s);  // before anything is packed
  for (int i = 0; i < 40; ++i) append(std::string(9000, 'x'), 0s, "other");
  log_.work(1min);
  log_.reopen();  // what is in memory is read as it was written
  EXPECT_GT(log_.store().upkeep().rewrites + log_.sealed(topic_).front().rewrites, 0U);
  EXPECT_THAT(values(), ::testing::Each(std::string(9000, 'x')));
}

}  // namespace
}  // namespace bimip::testing
