// Sealed segments are read again by and by; what has rotted is found before anybody asks for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/simulated_store.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;

class ScrubTest : public ::testing::Test {
 protected:
  ScrubTest() {
    sim_.close();
    sim_.scrub.on_finding = [this](const ScrubFinding&) { ++told_; };
    sim_.open();
    topic_ = sim_.store().create_topic("t", {.segment_bytes = limits::kSegmentBytesMin})->id;
    for (int i = 0; i < 60; ++i)
      EXPECT_TRUE(sim_.log().append(topic_, std::to_string(i) + std::string(8000, 'x')));
    sim_.pass(5s);
  }

  // Long enough for everything to be due, and to be read.
  void scrub() {
    sim_.clock().pass(8 * 24h);
    sim_.pass(30s);
  }
  [[nodiscard]] const ScrubCounters& counters() { return sim_.store().scrubber().counters(); }
  [[nodiscard]] std::vector<ScrubFinding> findings() { return sim_.store().scrubber().findings(); }

  SimulatedStore sim_;
  TopicId topic_;
  std::size_t told_ = 0;
  const Path segment_ = "/data/topics/t/0/0000000001.segment";
};

TEST_F(ScrubTest, ReadsEverySealedSegmentAndFindsNothingInASoundOne) {
  EXPECT_EQ(counters().segments, 0U) << "what was written just now need not be read again";
  std::size_t sealed = 0;
  for (const std::string& file : sim_.device().files()) {
    if (file.ends_with(".index")) ++sealed;
  }
  scrub();
  ASSERT_GT(sealed, 3U);
  EXPECT_EQ(counters().segments, sealed);
  EXPECT_GT(counters().bytes, 60 * 8000U * 8 / 10);
  EXPECT_THAT(findings(), ::testing::IsEmpty());
  sim_.pass(65s);
  EXPECT_EQ(counters().bytes_behind, 0U);
  EXPECT_LT(counters().oldest_age_s, 3600);
}

TEST_F(ScrubTest, FindsAFlippedBitOnceAndRemembersIt) {
  ASSERT_TRUE(sim_.device().flip_bit(segment_, FilePosition(30'000), 3));
  scrub();
  ASSERT_EQ(findings().size(), 1U);
  const ScrubFinding finding = findings()[0];
  EXPECT_LE(finding.from, FilePosition(30'000));
  EXPECT_GT(finding.end, FilePosition(30'000));
  scrub();
  EXPECT_EQ(told_, 1U) << "told once";
  sim_.close();
  sim_.open();  // and nothing is read from memory
  const auto all = sim_.log().read_all(topic_);
  ASSERT_TRUE(all);
  EXPECT_THAT(all->gaps, ::testing::ElementsAre(finding.offsets))
      << "readers are told of the same offsets";
  EXPECT_THAT(findings(), ::testing::ElementsAre(finding)) << "remembered";
  scrub();
  EXPECT_EQ(told_, 1U) << "no news";
}

TEST_F(ScrubTest, ForgetsDamageThatWasPutRight) {
  ASSERT_TRUE(sim_.device().flip_bit(segment_, FilePosition(30'000), 3));
  scrub();
  ASSERT_EQ(findings().size(), 1U);
  ASSERT_TRUE(sim_.device().flip_bit(segment_, FilePosition(30'000), 3));
  scrub();
  EXPECT_THAT(findings(), ::testing::IsEmpty());
}

TEST_F(ScrubTest, FindsDamageOfAHeaderAndAFooterWithoutAnyLoss) {
  const std::uint64_t size = sim_.device().contents(segment_)->size();
  ASSERT_TRUE(sim_.device().flip_bit(segment_, FilePosition(60), 3));
  ASSERT_TRUE(sim_.device().flip_bit(segment_, FilePosition(size - limits::kSectorBytes + 60), 3));
  scrub();
  ASSERT_EQ(findings().size(), 2U);
  for (const ScrubFinding& finding : findings()) {
    EXPECT_EQ(finding.offsets.first, finding.offsets.end);
    EXPECT_THAT(finding.why, ::testing::HasSubstr("0000000001.segment"));
  }
}

TEST_F(ScrubTest, ForgetsWhatItFoundInASegmentThatIsGone) {
  ASSERT_TRUE(sim_.device().flip_bit(segment_, FilePosition(30'000), 3));
  scrub();
  ASSERT_EQ(findings().size(), 1U);
  ASSERT_TRUE(sim_.store().alter_topic("t", {.retention_bytes = 1}));
  sim_.pass(90s);
  EXPECT_THAT(findings(), ::testing::IsEmpty());
}

TEST_F(ScrubTest, GoesOnWhereItStoodBeforeARestart) {
  scrub();
  sim_.pass(65s);
  ASSERT_GT(counters().bytes, 0U);
  sim_.close();
  sim_.open();
  sim_.pass(65s);
  EXPECT_EQ(counters().bytes, 0U) << "all of it was read not long ago";
}

TEST_F(ScrubTest, FindsASegmentThatIsGoneOrCutShort) {
  const auto bytes = *sim_.device().contents(segment_);
  ASSERT_TRUE(sim_.device().set_contents(segment_, Bytes(bytes).first(bytes.size() / 2)));
  scrub();
  ASSERT_EQ(findings().size(), 1U);
  EXPECT_EQ(findings()[0].offsets.first, Offset(0));
  EXPECT_GT(findings()[0].offsets.end, Offset(5));
}

TEST_F(ScrubTest, TakesForLostWhatTheDeviceDoesNotGiveAndNoMore) {
  // The first chunk, then the sector that is wanted; the next ones are read.
  sim_.device().fail_next({.operation = SimOperation::kRead,
                           .path_contains = segment_.string(),
                           .skip = 2,
                           .times = 2});
  scrub();
  ASSERT_EQ(findings().size(), 1U);
  EXPECT_EQ(findings()[0].offsets, (OffsetRange{.first = Offset(0), .end = Offset(1)}));
}

TEST(Scrub, KeepsToItsRate) {
  auto device = std::make_unique<SimDevice>(1);
  SimulatedStore sim(std::move(device));
  const TopicId topic =
      sim.store().create_topic("t", {.segment_bytes = limits::kSegmentBytesMin})->id;
  for (int i = 0; i < 1500; ++i) ASSERT_TRUE(sim.log().append(topic, std::string(30'000, 'x')));
  sim.pass(5s);
  sim.clock().pass(2 * 24h);  // due, and not behind the goal
  const ScrubCounters& counters = sim.store().scrubber().counters();
  sim.pass(5s);
  const std::uint64_t first = counters.bytes;
  sim.pass(60s);
  const std::uint64_t more = counters.bytes - first;
  EXPECT_GT(more, 60 * limits::kScrubBytesPerSecondMin / 2);
  EXPECT_LT(more, 60 * limits::kScrubBytesPerSecondMin * 3 / 2);
}

}  // namespace
}  // namespace bimip::testing
