#include "frontend/stanza/delivery.h"

#include <gtest/gtest.h>

#include <array>

#include "bimip/v1/stanza.pb.h"
#include "frontend/stanza/framing.h"

namespace bimip::frontend {
namespace {

using engine::as_bytes;

// What protobuf itself makes of one frame.
v1::Stanza parse(const std::string& frame) {
  v1::Stanza stanza;
  EXPECT_TRUE(stanza.ParseFromString(frame.substr(kFrameHeaderBytes)));
  return stanza;
}

TEST(DeliveryWriter, WritesWhatProtobufReads) {
  const std::array headers{engine::Header{.name = "trace", .value = as_bytes("abc")},
                           engine::Header{.name = "empty", .value = {}}};
  const auto encoded = engine::encode_headers(headers);
  ASSERT_TRUE(encoded.has_value());
  const std::string value(300, 'v');
  engine::Record full;
  full.offset = engine::Offset(1ULL << 40);
  full.timestamp = engine::Timestamp(std::chrono::microseconds(1'700'000'000'000'000));
  full.key = as_bytes("key");
  full.headers = *encoded;
  full.value = as_bytes(value);
  full.expires_at = engine::Timestamp(std::chrono::microseconds(1'800'000'000'000'000));
  full.producer = engine::ProducerMark{.id = engine::kReleaseProducer};
  engine::Record bare;
  engine::Record tombstone;
  tombstone.offset = engine::Offset(127);
  tombstone.kind = engine::RecordKind::kTombstone;

  DeliveryWriter writer;
  writer.begin(300, engine::PartitionId(2));
  for (const engine::Record& record : {full, bare, tombstone})
    ASSERT_TRUE(writer.add(record).has_value());
  std::string frame;
  writer.finish(frame);

  const v1::Stanza stanza = parse(frame);
  EXPECT_EQ(stanza.id(), 0U);
  const v1::Delivery& delivery = stanza.delivery();
  EXPECT_EQ(delivery.subscription_id(), 300U);
  EXPECT_EQ(delivery.partition(), 2U);
  ASSERT_EQ(delivery.records_size(), 3);
  EXPECT_EQ(delivery.records(0).offset(), 1ULL << 40);
  EXPECT_EQ(delivery.records(0).timestamp_us(), 1'700'000'000'000'000);
  EXPECT_EQ(delivery.records(0).key(), "key");
  EXPECT_EQ(delivery.records(0).value(), value);
  ASSERT_EQ(delivery.records(0).headers_size(), 2);
  EXPECT_EQ(delivery.records(0).headers(0).name(), "trace");
  EXPECT_EQ(delivery.records(0).headers(0).value(), "abc");
  EXPECT_EQ(delivery.records(0).headers(1).name(), "empty");
  EXPECT_FALSE(delivery.records(0).tombstone());
  EXPECT_EQ(delivery.records(0).expires_at_us(), 1'800'000'000'000'000);
  EXPECT_TRUE(delivery.records(0).has_held_at_offset()) << "offset 0 is one";
  EXPECT_FALSE(delivery.records(1).has_held_at_offset());
  EXPECT_EQ(delivery.records(1).offset(), 0U);
  EXPECT_TRUE(delivery.records(2).tombstone());
  // Byte for byte what protobuf writes, so that nothing is padded or doubled.
  std::string canonical;
  append_frame(canonical, stanza);
  EXPECT_EQ(frame, canonical);
}

TEST(DeliveryWriter, BeginsAnewAfterEachFrame) {
  DeliveryWriter writer;
  std::string frames;
  for (const std::uint64_t subscription : {1ULL, 2ULL}) {
    writer.begin(subscription, engine::PartitionId(0));
    ASSERT_TRUE(writer.add({}).has_value());
    std::string frame;
    writer.finish(frame);
    EXPECT_EQ(parse(frame).delivery().subscription_id(), subscription);
    EXPECT_EQ(parse(frame).delivery().records_size(), 1);
  }
}

}  // namespace
}  // namespace bimip::frontend
