#include "frontend/services/broker/broker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

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

TEST_F(BrokerTest, TellsOfEveryCommitOnceWhenTheLogHasIt) {
  Member ann;
  const MemberId ann_id = join(ann);
  constexpr std::uint64_t kCommits = 10'000;
  std::vector<std::atomic<int>> told(kCommits + 1);
  for (std::uint64_t offset = 1; offset <= kCommits; ++offset) {
    broker_->commit(kGroup, PartitionId(0), Offset(offset), kNow,
                    [&told, offset](const engine::Status& stored) {
                      EXPECT_TRUE(stored) << stored.error().message;
                      ++told[offset];
                    });
  }
  broker_->settle();
  for (std::uint64_t offset = 1; offset <= kCommits; ++offset) EXPECT_EQ(told[offset], 1) << offset;
  leave(ann_id);
}

TEST_F(BrokerTest, TellsAtOnceOfACursorThatTheLogHasAlready) {
  Member ann;
  const MemberId ann_id = join(ann);
  broker_->commit(kGroup, PartitionId(0), Offset(9), kNow);
  leave(ann_id);
  reopen();
  Member bob;
  const MemberId bob_id = join(bob);
  bool is_told = false;
  broker_->commit(kGroup, PartitionId(0), Offset(4), kNow,
                  [&](const engine::Status& stored) { is_told = stored.has_value(); });
  EXPECT_TRUE(is_told);
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

// What retention has to wait for.
class Floors : public BrokerTest {
 protected:
  Floors() : cursors_(*GroupCursors::open(*store_)) {}
  ~Floors() override { cursors_->settle(); }
  std::optional<Offset> floor(engine::Timestamp now) {
    const GroupCursors::Floors floors = cursors_->floors(now);
    const auto found = floors.find({TopicId(7), PartitionId(0)});
    return found == floors.end() ? std::nullopt : std::optional(found->second);
  }
  void commit(const std::string& group, std::uint64_t offset, engine::Timestamp now) {
    const GroupKey key{.topic = TopicId(7), .group = group};
    ASSERT_TRUE(cursors_->reserve(key, 1, now));
    cursors_->commit({.group = key, .partition = PartitionId(0)}, Offset(offset), now);
  }
  std::unique_ptr<GroupCursors> cursors_;
};

TEST_F(Floors, AreTheLowestCursorOfAGroupThatMoves) {
  EXPECT_EQ(floor(kNow), std::nullopt);
  commit("slow", 10, kNow);
  commit("quick", 500, kNow);
  EXPECT_EQ(floor(kNow), Offset(10));
  commit("slow", 40, kNow);
  EXPECT_EQ(floor(kNow), Offset(40));
}

TEST_F(Floors, LetGoOfAGroupThatStoodStill) {
  commit("dead", 10, kNow);
  commit("alive", 20, kNow + std::chrono::hours(24));
  EXPECT_EQ(floor(kNow + limits::kGroupHoldsFor), Offset(10));
  EXPECT_EQ(floor(kNow + limits::kGroupHoldsFor + std::chrono::seconds(1)), Offset(20));
  EXPECT_EQ(floor(kNow + 2 * limits::kGroupHoldsFor), std::nullopt);
  commit("dead", 15, kNow + 2 * limits::kGroupHoldsFor);
  EXPECT_EQ(floor(kNow + 2 * limits::kGroupHoldsFor), Offset(15)) << "it came back";
}

TEST_F(Floors, HoldAllForAGroupThatHasNotBegun) {
  commit("old", 10, kNow);
  ASSERT_TRUE(cursors_->reserve({.topic = TopicId(7), .group = "new"}, 1, kNow));
  EXPECT_EQ(floor(kNow), Offset(0));
}

TEST_F(Floors, OfAGroupThatHasReadAllAreNotIdle) {
  commit("waits", 10, kNow);
  const engine::Timestamp later = kNow + limits::kGroupHoldsFor + std::chrono::hours(1);
  const GroupCursorKey key{.group = {.topic = TopicId(7), .group = "waits"},
                           .partition = PartitionId(0)};
  cursors_->touch(key, Offset(11), later);
  EXPECT_EQ(floor(later), std::nullopt) << "there was something to read";
  cursors_->touch(key, Offset(10), later);
  EXPECT_EQ(floor(later), Offset(10));
}

}  // namespace
}  // namespace bimip::frontend
