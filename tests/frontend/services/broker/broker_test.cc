#include "frontend/services/broker/broker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/store/store.h"
#include "frontend/stanza/limits.h"
#include "tests/support/log_client.h"
#include "tests/support/temp_directory.h"

namespace bimip::frontend {
namespace {

using engine::Offset;
using engine::PartitionId;
using engine::TopicId;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr engine::Timestamp kNow{std::chrono::hours(1)};

class Member final : public GroupMember {
 public:
  void on_reassigned(GroupChange change) override {
    for (const PartitionId partition : change.taken) taken.push_back(partition.value());
    for (GivenPartition& one : change.given) given.push_back(std::move(one));
  }
  [[nodiscard]] std::vector<std::uint32_t> given_partitions() const {
    std::vector<std::uint32_t> numbers;
    for (const GivenPartition& one : given) numbers.push_back(one.partition.value());
    return numbers;
  }
  std::vector<std::uint32_t> taken;
  std::vector<GivenPartition> given;
};

class BrokerTest : public ::testing::Test {
 protected:
  BrokerTest() { open(); }
  ~BrokerTest() override { store_->close(); }

  void open() {
    auto store = engine::Store::open({.directory = directory_.path(), .free_space_floor = 0});
    EXPECT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    auto broker = Broker::open(*store_);
    EXPECT_TRUE(broker) << broker.error().message;
    broker_ = std::move(*broker);
  }
  void reopen() {
    broker_->settle();
    store_->close();
    broker_.reset();
    store_.reset();
    open();
  }
  MemberId join(Member& member, std::uint32_t partitions = 2) {
    auto id =
        broker_->join({.key = kGroup, .partitions = partitions, .member = member, .now = kNow});
    EXPECT_TRUE(id) << id.error().message;
    return *id;
  }
  void leave(MemberId member, std::vector<HandedBack> handed_back = {}) {
    broker_->leave(kGroup, member, std::move(handed_back), kNow);
  }

  const GroupKey kGroup{.topic = TopicId(7), .group = "workers"};
  const testing::TempDirectory directory_;
  std::unique_ptr<engine::Store> store_;
  std::unique_ptr<Broker> broker_;
};

TEST_F(BrokerTest, GivesWhatAnotherMemberLetGoOfWithItsCursorAndAttempts) {
  Member ann;
  Member bob;
  const MemberId ann_id = join(ann);
  EXPECT_THAT(ann.given_partitions(), ElementsAre(0U, 1U));
  EXPECT_FALSE(ann.given[1].committed);
  const MemberId bob_id = join(bob);
  EXPECT_THAT(ann.taken, ElementsAre(1U));
  EXPECT_THAT(bob.given, IsEmpty());
  const std::vector<DeliveredRange> out{
      {.offsets = {.first = Offset(5), .end = Offset(7)}, .deliveries = 3}};
  broker_->let_go(kGroup, ann_id,
                  {.partition = PartitionId(1), .committed = Offset(5), .unacknowledged = out},
                  kNow);
  ASSERT_THAT(bob.given_partitions(), ElementsAre(1U));
  EXPECT_EQ(bob.given[0].committed, Offset(5));
  EXPECT_EQ(bob.given[0].attempts, out);
  leave(ann_id);
  leave(bob_id);
}

TEST_F(BrokerTest, BelievesOnlyTheOwnerOfAPartition) {
  Member ann;
  Member bob;
  const MemberId ann_id = join(ann, 1);
  const MemberId bob_id = join(bob, 1);
  broker_->let_go(kGroup, bob_id, {.partition = PartitionId(0), .committed = Offset(50)}, kNow);
  leave(bob_id, {{.partition = PartitionId(0), .committed = Offset(60)}});
  leave(ann_id, {{.partition = PartitionId(0), .committed = Offset(2)}});
  Member cat;
  const MemberId cat_id = join(cat, 1);
  ASSERT_EQ(cat.given.size(), 1U);
  EXPECT_EQ(cat.given[0].committed, Offset(2));
  leave(cat_id);
}

TEST_F(BrokerTest, KnowsItsCursorsAfterARestart) {
  Member ann;
  const MemberId ann_id = join(ann);
  for (std::uint64_t offset = 1; offset <= 1000; ++offset)
    broker_->commit(kGroup, PartitionId(0), Offset(offset), kNow);
  leave(ann_id);
  reopen();
  Member bob;
  const MemberId bob_id = join(bob);
  EXPECT_EQ(bob.given[0].committed, Offset(1000));
  EXPECT_FALSE(bob.given[1].committed);
  leave(bob_id);
}

TEST_F(BrokerTest, WritesFarFewerRecordsThanItIsToldOfAcknowledgements) {
  Member ann;
  const MemberId ann_id = join(ann);
  for (std::uint64_t offset = 1; offset <= 100'000; ++offset)
    broker_->commit(kGroup, PartitionId(0), Offset(offset), kNow);
  leave(ann_id);
  reopen();
  const auto topic = store_->find_topic(GroupCursors::kTopic);
  ASSERT_TRUE(topic);
  const auto bounds = store_->bounds(topic->id, PartitionId(0));
  ASSERT_TRUE(bounds);
  EXPECT_LT(bounds->visible_end, Offset(50'000));
  EXPECT_GE(bounds->visible_end, Offset(1));
}

TEST_F(BrokerTest, NeverMovesACursorBack) {
  Member ann;
  const MemberId ann_id = join(ann);
  broker_->commit(kGroup, PartitionId(0), Offset(9), kNow);
  broker_->commit(kGroup, PartitionId(0), Offset(4), kNow);
  leave(ann_id, {{.partition = PartitionId(0), .committed = Offset(3)}});
  Member bob;
  const MemberId bob_id = join(bob);
  EXPECT_EQ(bob.given[0].committed, Offset(9));
  leave(bob_id);
}

TEST_F(BrokerTest, TellsAMemberThatLeftNothingMore) {
  Member ann;
  Member bob;
  const MemberId ann_id = join(ann);
  const MemberId bob_id = join(bob);
  leave(bob_id);
  const std::size_t told = bob.given.size();
  leave(ann_id);
  EXPECT_EQ(bob.given.size(), told);
  EXPECT_THAT(bob.taken, IsEmpty());
}

}  // namespace
}  // namespace bimip::frontend
