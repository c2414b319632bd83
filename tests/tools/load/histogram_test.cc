#include "tools/load/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "engine/base/random.h"

namespace bimip::load {
namespace {

using std::chrono::nanoseconds;

TEST(Histogram, HasNoPercentileOfNothing) {
  EXPECT_EQ(Histogram().percentile(0.5), nanoseconds(0));
}

TEST(Histogram, IsExactForSmallDurations) {
  Histogram histogram;
  for (int value = 0; value < 64; ++value) histogram.add(nanoseconds(value));
  EXPECT_EQ(histogram.percentile(0.0), nanoseconds(0));
  EXPECT_EQ(histogram.percentile(0.5), nanoseconds(32));
  EXPECT_EQ(histogram.percentile(1.0), nanoseconds(63));
}

TEST(Histogram, IsAtMostOnePartIn64TooHighForAnyDuration) {
  constexpr std::uint64_t kSeed = 7;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  engine::Random random(kSeed);
  std::vector<std::int64_t> values;
  Histogram histogram;
  for (int i = 0; i < 10'000; ++i) {
    values.push_back(static_cast<std::int64_t>(random.next() >> (1 + random.below(62))));
    histogram.add(nanoseconds(values.back()));
  }
  std::ranges::sort(values);
  for (const double part : {0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(part * 10'000);
    const std::int64_t exact = values[std::min<std::size_t>(rank, values.size() - 1)];
    const std::int64_t told = histogram.percentile(part).count();
    EXPECT_GE(told, exact) << part;
    EXPECT_LE(told - exact, exact / 64) << part;
  }
}

TEST(Histogram, TakesADurationBelowZeroForNone) {
  Histogram histogram;
  histogram.add(nanoseconds(-5));
  EXPECT_EQ(histogram.count(), 1U);
  EXPECT_EQ(histogram.percentile(1.0), nanoseconds(0));
}

}  // namespace
}  // namespace bimip::load
