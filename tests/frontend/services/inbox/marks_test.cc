#include "frontend/services/inbox/marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "frontend/stanza/limits.h"
#include "tests/support/simulated_store.h"

namespace bimip::frontend {
namespace {

using engine::ErrorCode;
using engine::IncrementId;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::SimulatedStore;

const MarkKey kKey{
    .category = engine::TopicId(7), .kind = MarkKind::kCursor, .eid = "bob", .device = "phone"};

const MarkKey kDelivered{
    .category = engine::TopicId(7), .kind = MarkKind::kDelivered, .eid = "bob"};

class MarksTest : public ::testing::Test {
 protected:
  MarksTest() { open(); }
  ~MarksTest() override { drive(); }

  void open() {
    auto marks = Marks::open(sim_.store());
    EXPECT_TRUE(marks);
    marks_ = std::move(*marks);
  }
  // Forgets what is in memory.
  void restart() {
    drive();
    marks_.reset();
    sim_.close();
    sim_.open();
    open();
  }
  void drive() {
    for (int i = 0; i < 50; ++i) sim_.step();
  }
  std::shared_ptr<Mark> known(const MarkKey& key = kKey) {
    std::shared_ptr<Mark> mark = marks_->of(key);
    bool is_known = false;
    mark->when_known([&](const engine::Status& status) {
      EXPECT_TRUE(status);
      is_known = true;
    });
    drive();
    EXPECT_TRUE(is_known);
    return mark;
  }
  void advance(Mark& mark, std::uint64_t to) { advance(mark, range(1, to)); }
  void advance(Mark& mark, const Mark::Range& range) {
    mark.advance(range, [this](const engine::Status& status) {
      EXPECT_TRUE(status);
      ++stored_;
    });
  }
  static Mark::Range range(std::uint64_t first, std::uint64_t last) {
    return {.first = IncrementId(first), .last = IncrementId(last)};
  }
  std::size_t records() {
    const auto topic = sim_.store().find_topic(Marks::kTopic);
    return sim_.log().read_all(topic->id)->records.size();
  }

  SimulatedStore sim_;
  std::unique_ptr<Marks> marks_;
  std::size_t stored_ = 0;
};

TEST_F(MarksTest, OneThatNeverWasSetIsZero) {
  EXPECT_EQ(known()->up_to(), IncrementId(0));
  EXPECT_EQ(records(), 0U);
}

TEST_F(MarksTest, IsInTheLogOnceItIsStored) {
  advance(*known(), 7);
  drive();
  EXPECT_EQ(stored_, 1U);
  restart();
  EXPECT_EQ(known()->up_to(), IncrementId(7));
}

TEST_F(MarksTest, EachOfAnEntityIsOneOfItsOwn) {
  MarkKey other = kKey;
  other.device = "tablet";
  MarkKey read = kKey;
  read.kind = MarkKind::kRead;
  MarkKey elsewhere = kKey;
  elsewhere.category = engine::TopicId(8);
  advance(*known(), 7);
  drive();
  for (const MarkKey& key : {other, read, elsewhere})
    EXPECT_EQ(known(key)->up_to(), IncrementId(0));
}

TEST_F(MarksTest, IsSharedByThoseWhoLookAtTheSameTimeAndForgottenThen) {
  const std::shared_ptr<Mark> mark = known();
  EXPECT_EQ(marks_->of(kKey), mark);
  advance(*mark, 3);
  EXPECT_EQ(marks_->of(kKey)->up_to(), IncrementId(3)) << "before it is stored";
}

TEST_F(MarksTest, StaysWhereItIsFurther) {
  const std::shared_ptr<Mark> mark = known();
  advance(*mark, 9);
  drive();
  advance(*mark, 5);
  EXPECT_EQ(stored_, 2U) << "it is stored already";
  EXPECT_EQ(mark->up_to(), IncrementId(9));
  EXPECT_EQ(records(), 1U);
}

TEST_F(MarksTest, OnlyTheNewestFollowsOneThatIsOnItsWay) {
  const std::shared_ptr<Mark> mark = known();
  for (std::uint64_t to = 1; to <= 20; ++to) advance(*mark, to);
  drive();
  EXPECT_EQ(stored_, 20U);
  EXPECT_EQ(records(), 2U);
  restart();
  EXPECT_EQ(known()->up_to(), IncrementId(20));
}

TEST_F(MarksTest, WorkIsClaimedOnceForEachNumber) {
  const std::shared_ptr<Mark> mark = known();
  advance(*mark, 3);
  EXPECT_THAT(mark->claim({range(1, 5)}), ElementsAre(range(4, 5)));
  EXPECT_THAT(mark->claim({range(1, 5)}), IsEmpty()) << "another does it";
  EXPECT_THAT(mark->claim({range(1, 6)}), ElementsAre(range(6, 6)));
  mark->end_claim(range(4, 5), engine::fail(ErrorCode::kIo, "no"));
  EXPECT_THAT(mark->claim({range(1, 6)}), ElementsAre(range(4, 5))) << "it failed";
}

TEST_F(MarksTest, WhatNobodyHadIsClaimedByWhoHasItLater) {
  {
    const std::shared_ptr<Mark> mark = known(kDelivered);
    EXPECT_THAT(mark->claim({range(4, 6)}), ElementsAre(range(4, 6)));
    mark->end_claim(range(4, 6), {});
    drive();
  }
  restart();
  const std::shared_ptr<Mark> mark = known(kDelivered);
  EXPECT_THAT(mark->increments().holes(), ElementsAre(range(1, 3)));
  EXPECT_THAT(mark->claim({range(1, 8)}), ElementsAre(range(1, 3), range(7, 8)));
}

TEST_F(MarksTest, ACursorPassesWhatItsDeviceDidNotHaveAndMayHaveItLater) {
  {
    const std::shared_ptr<Mark> mark = known();
    advance(*mark, range(101, 104));
    drive();
  }
  restart();
  const std::shared_ptr<Mark> mark = known();
  EXPECT_EQ(mark->up_to(), IncrementId(104));
  EXPECT_THAT(mark->increments().holes(), ElementsAre(range(1, 100)));
  stored_ = 0;
  advance(*mark, range(50, 60));
  drive();
  EXPECT_EQ(stored_, 1U) << "also in front of where it is";
  EXPECT_EQ(mark->up_to(), IncrementId(104));
  EXPECT_THAT(mark->increments().holes(), ElementsAre(range(1, 49), range(61, 100)));
  advance(*mark, range(106, 105));
  EXPECT_THAT(mark->increments().holes().back(), range(105, 105)) << "it had none of these";
}

TEST_F(MarksTest, ACursorThatIsFurtherDoesNotGoBackForAClaim) {
  {
    const std::shared_ptr<Mark> mark = known();
    advance(*mark, range(8, 10));
    drive();
    EXPECT_THAT(mark->claim({range(2, 3)}), ElementsAre(range(2, 3)));
    advance(*mark, range(2, 5));
    drive();
    EXPECT_EQ(stored_, 1U) << "2 and 3 are not told of yet";
  }
  restart();
  const std::shared_ptr<Mark> mark = known();
  EXPECT_EQ(mark->up_to(), IncrementId(10));
  EXPECT_THAT(mark->increments().holes(), ElementsAre(range(1, 3), range(6, 7)));
}

TEST_F(MarksTest, HasSoManyHolesAndNoMore) {
  const std::shared_ptr<Mark> cursor = known();
  const std::shared_ptr<Mark> delivered = known(kDelivered);
  for (std::uint64_t i = 0; i < 3 * limits::kInboxHolesMax; ++i) {
    const Mark::Range one = range(2 + 3 * i, 2 + 3 * i);
    advance(*cursor, one);
    EXPECT_THAT(delivered->claim({one}), ElementsAre(one));
    delivered->end_claim(one, {});
  }
  drive();
  EXPECT_EQ(stored_, 3 * limits::kInboxHolesMax);
  for (const auto& mark : {cursor, delivered}) {
    EXPECT_EQ(mark->increments().holes().size(), limits::kInboxHolesMax);
    EXPECT_EQ(mark->up_to(), IncrementId(9 * limits::kInboxHolesMax - 1));
  }
  EXPECT_FALSE(cursor->increments().contains(IncrementId(2))) << "what it had is forgotten";
  EXPECT_TRUE(delivered->increments().contains(IncrementId(1))) << "nobody is told twice";
}

TEST_F(MarksTest, PassesNoClaimThatHasNotEnded) {
  {
    const std::shared_ptr<Mark> mark = known();
    EXPECT_THAT(mark->claim({range(1, 3)}), ElementsAre(range(1, 3)));
    EXPECT_THAT(mark->claim({range(1, 5)}), ElementsAre(range(4, 5)));
    mark->end_claim(range(4, 5), {});
    drive();
    EXPECT_EQ(mark->prefix(), IncrementId(0));
    // Even when it is further already: in the log it is not.
    advance(*mark, 5);
    EXPECT_EQ(mark->up_to(), IncrementId(5));
    drive();
    EXPECT_EQ(stored_, 0U);
    EXPECT_EQ(records(), 0U);
    mark->end_claim(range(1, 3), {});
    drive();
    EXPECT_EQ(stored_, 1U);
  }
  restart();
  EXPECT_EQ(known()->prefix(), IncrementId(5));
}

TEST_F(MarksTest, WhoWaitsForClaimsIsToldHowTheyEnded) {
  const std::shared_ptr<Mark> mark = known();
  std::vector<std::pair<int, bool>> told;
  const auto wait = [&](int to) {
    mark->advance_after_claims(
        IncrementId(static_cast<std::uint64_t>(to)),
        [&told, to](const engine::Status& status) { told.emplace_back(to, bool{status}); });
  };
  (void)mark->claim({range(1, 3)});
  (void)mark->claim({range(1, 5)});
  wait(2);
  wait(5);
  drive();
  EXPECT_TRUE(told.empty());
  mark->end_claim(range(4, 5), engine::fail(ErrorCode::kIo, "no"));
  mark->end_claim(range(1, 3), {});
  drive();
  EXPECT_EQ(told, (std::vector<std::pair<int, bool>>{{5, false}, {2, true}}));
  EXPECT_EQ(mark->prefix(), IncrementId(3));
  EXPECT_THAT(mark->claim({range(1, 5)}), ElementsAre(range(4, 5)));
}

TEST_F(MarksTest, AClaimThatFailedIsNotReadAlthoughALaterOneIs) {
  const std::shared_ptr<Mark> mark = known();
  (void)mark->claim({range(1, 3)});
  (void)mark->claim({range(1, 5)});
  mark->end_claim(range(1, 3), engine::fail(ErrorCode::kIo, "no"));
  mark->end_claim(range(4, 5), {});
  drive();
  EXPECT_EQ(mark->prefix(), IncrementId(0));
  EXPECT_THAT(mark->claim({range(1, 5)}), ElementsAre(range(1, 3))) << "4 and 5 were told of";
  mark->end_claim(range(1, 3), {});
  EXPECT_EQ(mark->prefix(), IncrementId(5));
}

// Names with a zero in them are what a server without tokens lets pass.
TEST_F(MarksTest, NamesThatContinueEachOtherAreNotMixed) {
  const std::string zero(1, '\0');
  MarkKey one = kKey;
  one.eid = "q";
  one.device = "w" + zero + "v";
  MarkKey other = kKey;
  other.eid = "q" + zero + "w";
  other.device = "v";
  advance(*known(one), 7);
  drive();
  EXPECT_EQ(known(other)->up_to(), IncrementId(0));
}

TEST_F(MarksTest, IsSetBackInTheLogAndRisesFromThere) {
  advance(*known(), 100);
  drive();
  {
    const std::shared_ptr<Mark> mark = known();
    mark->set_back({.from = IncrementId(99), .to = IncrementId(50)});
    EXPECT_EQ(mark->up_to(), IncrementId(100)) << "it is another one by now";
    mark->set_back({.from = IncrementId(100), .to = IncrementId(50)});
    EXPECT_EQ(mark->up_to(), IncrementId(50));
    EXPECT_THAT(mark->claim({range(1, 51)}), ElementsAre(range(51, 51)));
  }
  restart();
  EXPECT_EQ(known()->up_to(), IncrementId(50));
  stored_ = 0;
  advance(*known(), 60);
  drive();
  EXPECT_EQ(stored_, 1U);
  restart();
  EXPECT_EQ(known()->up_to(), IncrementId(60));
}

TEST_F(MarksTest, IsSetBackWhileALaterValueIsOnItsWay) {
  const std::shared_ptr<Mark> mark = known();
  advance(*mark, 100);
  mark->set_back({.from = IncrementId(100), .to = IncrementId(0)});
  advance(*mark, 2);
  drive();
  EXPECT_EQ(stored_, 2U);
  restart();
  EXPECT_EQ(known()->up_to(), IncrementId(2));
}

}  // namespace
}  // namespace bimip::frontend
