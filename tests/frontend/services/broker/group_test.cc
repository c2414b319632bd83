#include "frontend/services/broker/group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "engine/base/random.h"

namespace bimip::frontend {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr MemberId kAnn{1};
constexpr MemberId kBob{2};
constexpr MemberId kCat{3};

TEST(Group, GivesItsFirstMemberEverything) {
  Group group(3);
  const auto told = group.join(kAnn);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].member, kAnn);
  EXPECT_EQ(told[0].generation, 1U);
  EXPECT_THAT(told[0].given, ElementsAre(0U, 1U, 2U));
  EXPECT_THAT(told[0].taken, IsEmpty());
}

TEST(Group, GivesNothingAwayBeforeItsOwnerLetGo) {
  Group group(4);
  (void)group.join(kAnn);
  const auto told = group.join(kBob);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].member, kAnn);
  EXPECT_THAT(told[0].taken, ElementsAre(2U, 3U));
  EXPECT_EQ(group.owner_of(2), kAnn);
  const auto given = group.let_go(kAnn, 2);
  ASSERT_EQ(given.size(), 1U);
  EXPECT_EQ(given[0].member, kBob);
  EXPECT_THAT(given[0].given, ElementsAre(2U));
  EXPECT_EQ(group.owner_of(2), kBob);
  EXPECT_EQ(group.owner_of(3), kAnn);
}

TEST(Group, GivesWhatADeadMemberHadToTheOthers) {
  Group group(2);
  (void)group.join(kAnn);
  (void)group.join(kBob);
  (void)group.let_go(kAnn, 1);
  const auto told = group.leave(kBob);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].member, kAnn);
  EXPECT_THAT(told[0].given, ElementsAre(1U));
}

TEST(Group, LeavesMembersIdleWhereThereAreFewerPartitions) {
  Group group(1);
  (void)group.join(kAnn);
  EXPECT_THAT(group.join(kBob), IsEmpty());
  EXPECT_THAT(group.leave(kBob), IsEmpty());
  (void)group.join(kBob);
  const auto told = group.leave(kAnn);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].member, kBob);
}

TEST(Group, GivesAPartitionBackToWhoWasToLetGoOfItWhenTheOtherOneLeft) {
  Group group(2);
  (void)group.join(kAnn);
  (void)group.join(kBob);  // takes partition 1 from Ann, who has not yet let go
  EXPECT_THAT(group.leave(kBob), IsEmpty());
  const auto told = group.let_go(kAnn, 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].member, kAnn);
  EXPECT_THAT(told[0].given, ElementsAre(1U));
}

TEST(Group, IgnoresThatSomebodyLetGoOfWhatWasNotTaken) {
  Group group(2);
  (void)group.join(kAnn);
  EXPECT_THAT(group.let_go(kAnn, 0), IsEmpty());
  EXPECT_THAT(group.let_go(kCat, 0), IsEmpty());
  EXPECT_EQ(group.owner_of(0), kAnn);
}

// What the members of a group believe, from nothing but what they were told.
class Members {
 public:
  explicit Members(std::uint32_t partitions) : group(partitions) {}

  void hear(const std::vector<Reassignment>& told) {
    for (const Reassignment& change : told) {
      for (const std::uint32_t partition : change.given) {
        for (const auto& [member, held] : holding)
          ASSERT_FALSE(held.contains(partition)) << "given while another one reads it";
        holding.at(change.member).insert(partition);
      }
      for (const std::uint32_t partition : change.taken) {
        ASSERT_TRUE(holding.at(change.member).contains(partition));
        to_let_go.insert({change.member, partition});
      }
    }
  }
  void let_go_of_one(engine::Random& random) {
    if (to_let_go.empty()) return;
    const auto at =
        std::next(to_let_go.begin(), static_cast<std::ptrdiff_t>(random.below(to_let_go.size())));
    const auto [member, partition] = *at;
    to_let_go.erase(at);
    holding.at(member).erase(partition);
    hear(group.let_go(member, partition));
  }
  void join(MemberId member) {
    holding[member];
    hear(group.join(member));
  }
  void leave(MemberId member) {
    holding.erase(member);
    std::erase_if(to_let_go, [&](const auto& pair) { return pair.first == member; });
    hear(group.leave(member));
  }

  Group group;
  std::map<MemberId, std::set<std::uint32_t>> holding;
  std::set<std::pair<MemberId, std::uint32_t>> to_let_go;
};

TEST(Group, IsBalancedWheneverAllHaveLetGoWhoeverComesAndGoes) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    engine::Random random(seed);
    const auto partitions = static_cast<std::uint32_t>(1 + random.below(20));
    Members members(partitions);
    std::uint64_t last = 0;
    for (int step = 0; step < 120; ++step) {
      const std::uint64_t choice = random.below(5);
      if (choice == 0 && members.holding.size() < 8) {
        members.join(MemberId(++last));
      } else if (choice == 1 && !members.holding.empty()) {
        members.leave(std::next(members.holding.begin(),
                                static_cast<std::ptrdiff_t>(random.below(members.holding.size())))
                          ->first);
      } else {
        members.let_go_of_one(random);
      }
      if (::testing::Test::HasFatalFailure()) return;
    }
    while (!members.to_let_go.empty()) members.let_go_of_one(random);
    if (members.holding.empty()) continue;
    std::size_t held = 0;
    for (const auto& [member, its] : members.holding) {
      held += its.size();
      EXPECT_GE(its.size(), partitions / members.holding.size());
      EXPECT_LE(its.size(), partitions / members.holding.size() + 1);
    }
    EXPECT_EQ(held, partitions);
  }
}

TEST(Group, MovesNoMoreThanItMust) {
  Group group(12);
  (void)group.join(kAnn);
  for (const auto& change : group.join(kBob)) {
    for (const std::uint32_t partition : change.taken) (void)group.let_go(change.member, partition);
  }
  std::size_t taken = 0;
  for (const auto& change : group.join(kCat)) taken += change.taken.size();
  EXPECT_EQ(taken, 4U);
}

}  // namespace
}  // namespace bimip::frontend
