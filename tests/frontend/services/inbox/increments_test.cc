#include "frontend/services/inbox/increments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/base/random.h"

namespace bimip::frontend {
namespace {

using engine::IncrementId;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

IncrementRange range(std::uint64_t first, std::uint64_t last) {
  return {.first = IncrementId(first), .last = IncrementId(last)};
}

TEST(Increments, OneThatBeginsFurtherOnLeavesAHole) {
  Increments had(IncrementId(3));
  had.add(range(6, 8));
  EXPECT_EQ(had.up_to(), IncrementId(8));
  EXPECT_EQ(had.prefix(), IncrementId(3));
  EXPECT_THAT(had.holes(), ElementsAre(range(4, 5)));
  EXPECT_THAT(had.parts(), ElementsAre(range(1, 3), range(6, 8)));
  EXPECT_THAT(had.missing(range(2, 12)), ElementsAre(range(4, 5), range(9, 12)));
  had.add(range(4, 5));
  EXPECT_THAT(had.holes(), IsEmpty());
  EXPECT_EQ(had.prefix(), IncrementId(8));
}

TEST(Increments, WhatIsPassedIsNotThere) {
  Increments had;
  had.pass(IncrementId(4));
  EXPECT_EQ(had.up_to(), IncrementId(4));
  EXPECT_THAT(had.parts(), IsEmpty());
  had.add(range(5, 4));
  EXPECT_EQ(had.up_to(), IncrementId(4)) << "an empty range is nothing";
}

TEST(Increments, WithTooManyHolesTheClosestAreOneOrTheSmallestIsFilled) {
  Increments had;
  for (const std::uint64_t one : {3U, 10U, 12U, 20U}) had.add(range(one, one));
  Increments filled = had;
  EXPECT_EQ(had.smallest_hole(), range(11, 11));
  filled.add(filled.smallest_hole());
  EXPECT_THAT(filled.holes(), ElementsAre(range(1, 2), range(4, 9), range(13, 19)));
  had.join_closest_holes();
  EXPECT_EQ(had.holes().size(), 3U);
  EXPECT_FALSE(had.contains(IncrementId(3)));
  EXPECT_TRUE(had.contains(IncrementId(20)));
}

TEST(Increments, AreReadAsTheyWereWritten) {
  Increments had(IncrementId(7));
  had.add(range(9, 12));
  had.add(range(20, 20));
  const auto read = Increments::decode(engine::as_bytes(had.encode()));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, had);
}

TEST(Increments, ARecordThatIsNoneIsDamaged) {
  Increments had(IncrementId(7));
  had.add(range(9, 12));
  const std::string sound = had.encode();
  std::string beyond = sound;
  beyond[16] = 13;  // the hole's last
  std::string backwards = sound;
  backwards[8] = 9;  // the hole's first
  for (const std::string& bytes :
       {sound.substr(0, 7), sound.substr(0, 20), beyond, backwards, std::string()})
    EXPECT_FALSE(Increments::decode(engine::as_bytes(bytes)));
}

TEST(Increments, AreASetWhateverIsDoneToThem) {
  engine::Random random(4);
  for (int round = 0; round < 200; ++round) {
    Increments had;
    std::set<std::uint64_t> model;
    std::uint64_t up_to = 0;
    for (int step = 0; step < 30; ++step) {
      const std::uint64_t first = 1 + random.below(40);
      const std::uint64_t last = first + random.below(8);
      switch (random.below(4)) {
        case 0:
          had.take_out(range(first, last));
          for (std::uint64_t i = first; i <= last; ++i) model.erase(i);
          break;
        case 1:
          had.set_back(IncrementId(last));
          model.erase(model.upper_bound(last), model.end());
          up_to = std::min(up_to, last);
          break;
        default:
          had.add(range(first, last));
          for (std::uint64_t i = first; i <= last; ++i) model.insert(i);
          up_to = std::max(up_to, last);
      }
      std::set<std::uint64_t> there;
      for (const IncrementRange& part : had.parts()) {
        for (IncrementId i = part.first; i <= part.last; ++i) there.insert(i.value());
      }
      ASSERT_EQ(there, model);
      ASSERT_EQ(had.up_to().value(), up_to);
      for (std::uint64_t i = 1; i < 50; ++i)
        ASSERT_EQ(had.contains(IncrementId(i)), model.contains(i)) << i;
      const auto read = Increments::decode(engine::as_bytes(had.encode()));
      ASSERT_TRUE(read);
      ASSERT_EQ(*read, had);
    }
  }
}

}  // namespace
}  // namespace bimip::frontend
