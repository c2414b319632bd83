#include "frontend/services/inbox/marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/simulated_store.h"

namespace bimip::frontend {
namespace {

using engine::ErrorCode;
using engine::IncrementId;
using testing::SimulatedStore;

const MarkKey kKey{
    .category = engine::TopicId(7), .kind = MarkKind::kCursor, .eid = "bob", .device = "phone"};

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
    mark->when_known([&](const engine::Result<IncrementId>& value) {
      EXPECT_TRUE(value);
      is_known = true;
    });
    drive();
    EXPECT_TRUE(is_known);
    return mark;
  }
  void advance(Mark& mark, std::uint64_t to) {
    mark.advance(IncrementId(to), [this](const engine::Status& status) {
      EXPECT_TRUE(status);
      ++stored_;
    });
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
  EXPECT_EQ(known()->value(), IncrementId(0));
  EXPECT_EQ(records(), 0U);
}

TEST_F(MarksTest, IsInTheLogOnceItIsStored) {
  advance(*known(), 7);
  drive();
  EXPECT_EQ(stored_, 1U);
  restart();
  EXPECT_EQ(known()->value(), IncrementId(7));
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
    EXPECT_EQ(known(key)->value(), IncrementId(0));
}

TEST_F(MarksTest, IsSharedByThoseWhoLookAtTheSameTimeAndForgottenThen) {
  const std::shared_ptr<Mark> mark = known();
  EXPECT_EQ(marks_->of(kKey), mark);
  advance(*mark, 3);
  EXPECT_EQ(marks_->of(kKey)->value(), IncrementId(3)) << "before it is stored";
}

TEST_F(MarksTest, StaysWhereItIsFurther) {
  const std::shared_ptr<Mark> mark = known();
  advance(*mark, 9);
  drive();
  advance(*mark, 5);
  EXPECT_EQ(stored_, 2U) << "it is stored already";
  EXPECT_EQ(mark->value(), IncrementId(9));
  EXPECT_EQ(records(), 1U);
}

TEST_F(MarksTest, OnlyTheNewestFollowsOneThatIsOnItsWay) {
  const std::shared_ptr<Mark> mark = known();
  for (std::uint64_t to = 1; to <= 20; ++to) advance(*mark, to);
  drive();
  EXPECT_EQ(stored_, 20U);
  EXPECT_EQ(records(), 2U);
  restart();
  EXPECT_EQ(known()->value(), IncrementId(20));
}

TEST_F(MarksTest, WorkIsClaimedOnceForEachNumber) {
  const std::shared_ptr<Mark> mark = known();
  advance(*mark, 3);
  const auto first = mark->claim(IncrementId(5));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->first, IncrementId(4));
  EXPECT_EQ(first->last, IncrementId(5));
  EXPECT_FALSE(mark->claim(IncrementId(5))) << "another does it";
  EXPECT_EQ(mark->claim(IncrementId(6))->first, IncrementId(6));
  mark->end_claim(*first, engine::fail(ErrorCode::kIo, "no"));
  EXPECT_EQ(mark->claim(IncrementId(6))->first, IncrementId(4)) << "it failed";
}

TEST_F(MarksTest, PassesNoClaimThatHasNotEnded) {
  {
    const std::shared_ptr<Mark> mark = known();
    const auto first = mark->claim(IncrementId(3));
    const auto second = mark->claim(IncrementId(5));
    mark->end_claim(*second, {});
    drive();
    EXPECT_EQ(mark->value(), IncrementId(0));
    // Even when it is further already: in the log it is not.
    advance(*mark, 5);
    EXPECT_EQ(mark->value(), IncrementId(5));
    drive();
    EXPECT_EQ(stored_, 0U);
    EXPECT_EQ(records(), 0U);
    mark->end_claim(*first, {});
    drive();
    EXPECT_EQ(stored_, 1U);
  }
  restart();
  EXPECT_EQ(known()->value(), IncrementId(5));
}

TEST_F(MarksTest, WhoWaitsForClaimsIsToldHowTheyEnded) {
  const std::shared_ptr<Mark> mark = known();
  std::vector<std::pair<int, bool>> told;
  const auto wait = [&](int to) {
    mark->advance_after_claims(
        IncrementId(static_cast<std::uint64_t>(to)),
        [&told, to](const engine::Status& status) { told.emplace_back(to, bool{status}); });
  };
  const auto first = mark->claim(IncrementId(3));
  const auto second = mark->claim(IncrementId(5));
  wait(2);
  wait(5);
  drive();
  EXPECT_TRUE(told.empty());
  mark->end_claim(*second, engine::fail(ErrorCode::kIo, "no"));
  mark->end_claim(*first, {});
  drive();
  EXPECT_EQ(told, (std::vector<std::pair<int, bool>>{{5, false}, {2, true}}));
  EXPECT_EQ(mark->value(), IncrementId(3));
  EXPECT_EQ(mark->claim(IncrementId(5))->first, IncrementId(4));
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
  EXPECT_EQ(known(other)->value(), IncrementId(0));
}

TEST_F(MarksTest, IsSetBackInTheLogAndRisesFromThere) {
  advance(*known(), 100);
  drive();
  {
    const std::shared_ptr<Mark> mark = known();
    mark->set_back({.from = IncrementId(99), .to = IncrementId(50)});
    EXPECT_EQ(mark->value(), IncrementId(100)) << "it is another one by now";
    mark->set_back({.from = IncrementId(100), .to = IncrementId(50)});
    EXPECT_EQ(mark->value(), IncrementId(50));
    EXPECT_EQ(mark->claim(IncrementId(51))->first, IncrementId(51));
  }
  restart();
  EXPECT_EQ(known()->value(), IncrementId(50));
  stored_ = 0;
  advance(*known(), 60);
  drive();
  EXPECT_EQ(stored_, 1U);
  restart();
  EXPECT_EQ(known()->value(), IncrementId(60));
}

TEST_F(MarksTest, IsSetBackWhileALaterValueIsOnItsWay) {
  const std::shared_ptr<Mark> mark = known();
  advance(*mark, 100);
  mark->set_back({.from = IncrementId(100), .to = IncrementId(0)});
  advance(*mark, 2);
  drive();
  EXPECT_EQ(stored_, 2U);
  restart();
  EXPECT_EQ(known()->value(), IncrementId(2));
}

}  // namespace
}  // namespace bimip::frontend
