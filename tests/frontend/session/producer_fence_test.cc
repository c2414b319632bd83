#include "frontend/session/producer_fence.h"

#include <gtest/gtest.h>

namespace bimip::frontend {
namespace {

TEST(ProducerFence, HoldsBackWhatIsBehindARefusedNumberUntilThatIsSentAgain) {
  ProducerFence fence;
  const ProducerFence::Epoch before = fence.epoch();
  EXPECT_TRUE(fence.passes(1, before));
  fence.refuse(2);
  EXPECT_FALSE(fence.passes(3, before));
  const ProducerFence::Epoch after = fence.epoch();
  EXPECT_FALSE(fence.passes(4, after));
  EXPECT_TRUE(fence.passes(2, after));
  EXPECT_TRUE(fence.passes(3, after));
}

TEST(ProducerFence, IsNotLiftedByWhatTheRefusalHasOvertaken) {
  ProducerFence fence;
  const ProducerFence::Epoch before = fence.epoch();
  fence.refuse(3);
  EXPECT_TRUE(fence.passes(1, before));
  EXPECT_TRUE(fence.passes(2, before));
  EXPECT_FALSE(fence.passes(3, before)) << "the same number twice, the second already on its way";
  EXPECT_FALSE(fence.passes(4, before));
}

TEST(ProducerFence, StandsAtTheLowestRefusedNumber) {
  ProducerFence fence;
  fence.refuse(5);
  const ProducerFence::Epoch heard_of_5 = fence.epoch();
  fence.refuse(3);
  fence.refuse(4);
  const ProducerFence::Epoch heard_of_3 = fence.epoch();
  EXPECT_FALSE(fence.passes(5, heard_of_5)) << "sent again too early";
  EXPECT_TRUE(fence.passes(3, heard_of_3));
  EXPECT_TRUE(fence.passes(4, heard_of_3));
  EXPECT_TRUE(fence.passes(5, heard_of_3));
}

}  // namespace
}  // namespace bimip::frontend
