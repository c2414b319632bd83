#include "engine/format/topic_config.h"

#include <gtest/gtest.h>

namespace bimip::engine {
namespace {

using namespace std::chrono_literals;

// What validate says of a configuration; empty when it is taken.
std::string refusal(auto change) {
  TopicConfig config;
  change(config);
  const Status status = validate(config);
  if (status) return {};
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
  return status.error().message;
}

TEST(TopicConfig, DefaultsAreValid) { EXPECT_TRUE(validate(TopicConfig{})); }

TEST(TopicConfig, TakesEachBoundAndRefusesWhatIsBeyondIt) {
  EXPECT_EQ(refusal([](TopicConfig& c) { c.partitions = 1; }), "");
  EXPECT_EQ(refusal([](TopicConfig& c) { c.partitions = limits::kPartitionsPerTopicMax; }), "");
  EXPECT_EQ(refusal([](TopicConfig& c) { c.partitions = 0; }),
            "partitions is 0; it may be from 1 to 1024");
  EXPECT_EQ(refusal([](TopicConfig& c) { c.partitions = limits::kPartitionsPerTopicMax + 1; }),
            "partitions is 1025; it may be from 1 to 1024");
  EXPECT_EQ(refusal([](TopicConfig& c) { c.segment_bytes = limits::kSegmentBytesMin; }), "");
  EXPECT_EQ(refusal([](TopicConfig& c) { c.segment_bytes = limits::kSegmentBytesMax; }), "");
  EXPECT_EQ(refusal([](TopicConfig& c) { c.segment_bytes = limits::kSegmentBytesMin - 1; }),
            "segment_bytes is 65535; it may be from 65536 to 4294967296");
  EXPECT_EQ(refusal([](TopicConfig& c) { c.segment_bytes = limits::kSegmentBytesMax + 1; }),
            "segment_bytes is 4294967297; it may be from 65536 to 4294967296");
  EXPECT_EQ(refusal([](TopicConfig& c) { c.segment_age = 1s; }), "");
  EXPECT_NE(refusal([](TopicConfig& c) { c.segment_age = 0s; }), "");
  EXPECT_NE(refusal([](TopicConfig& c) { c.segment_age = -1s; }), "");
  static constexpr std::chrono::seconds kLongest(limits::kSegmentAgeMaxSeconds);
  EXPECT_EQ(refusal([](TopicConfig& c) { c.segment_age = kLongest; }), "");
  EXPECT_NE(refusal([](TopicConfig& c) { c.segment_age = kLongest + 1s; }), "");
}

TEST(TopicConfig, KnowsTwoDurabilities) {
  EXPECT_EQ(refusal([](TopicConfig& c) { c.durability = Durability::kWritten; }), "");
  EXPECT_EQ(refusal([](TopicConfig& c) { c.durability = static_cast<Durability>(0); }),
            "durability is neither durable nor written");
}

TEST(TopicName, IsWhatMayBeAFolder) {
  for (const std::string name : {"a", "orders", "Chat.Rooms_2-x", "0", "_", "-", "a.", "$tokens"})
    EXPECT_TRUE(validate_topic_name(name)) << name;
  for (const std::string name :
       {"", ".", "..", ".hidden", "a/b", "a b", "a\n", "\xC3\xA9", "a\\b", "$", "$.a", "$$a", "a$"})
    EXPECT_FALSE(validate_topic_name(name)) << name;
  EXPECT_FALSE(validate_topic_name(std::string_view("a\0b", 3)));
}

TEST(TopicName, IsOfBoundedLength) {
  EXPECT_TRUE(validate_topic_name(std::string(limits::kTopicNameBytesMax, 'a')));
  const Status status = validate_topic_name(std::string(limits::kTopicNameBytesMax + 1, 'a'));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace bimip::engine
