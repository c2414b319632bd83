#include "engine/base/assert.h"

#include <gtest/gtest.h>

namespace bimip::engine {
namespace {

TEST(AssertDeathTest, SaysWhatIsBrokenAndWhereAndAborts) {
  EXPECT_DEATH(BIMIP_ASSERT(1 + 1 == 3), "assert_test.cc:.*invariant broken: 1 \\+ 1 == 3");
}

TEST(Assert, EvaluatesItsExpressionOnce) {
  int evaluated = 0;
  BIMIP_ASSERT(++evaluated == 1);
  EXPECT_EQ(evaluated, 1);
}

}  // namespace
}  // namespace bimip::engine
