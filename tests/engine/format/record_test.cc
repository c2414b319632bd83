#include "engine/format/record.h"

#include <gtest/gtest.h>

#include "engine/base/limits.h"
#include "tests/engine/format/samples.h"

namespace bimip::testing {
namespace {

std::vector<std::byte> encode(const RecordFields& fields) {
  std::vector<std::byte> bytes(encoded_record_bytes(fields));
  EXPECT_EQ(encode_record(fields, 1, bytes), bytes.size());
  return bytes;
}

ErrorCode refusal(const RecordFields& fields) {
  const Status status = validate(fields);
  EXPECT_FALSE(status);
  return status ? ErrorCode::kIo : status.error().code;
}

ErrorCode decode_refusal(Bytes bytes) {
  const Result<DecodedRecord> record = decode_record(bytes, Offset(1000));
  EXPECT_FALSE(record);
  return record ? ErrorCode::kIo : record.error().code;
}

TEST(Record, CostsTwentyBytesBesideItsKeyAndValue) {
  EXPECT_EQ(encoded_record_bytes(sample_smallest_record()), kRecordBytesMin);
  RecordFields fields = sample_smallest_record();
  fields.key = as_bytes("key");
  fields.value = as_bytes("value");
  EXPECT_EQ(encoded_record_bytes(fields), kRecordBytesMin + 8);
}

TEST(Record, IsDecodedFromTheFrontAndSaysWhatItTook) {
  auto bytes = encode(sample_tombstone());
  const std::size_t length = bytes.size();
  bytes.resize(length + 100, std::byte{0xEE});
  const auto decoded = decode_record(bytes, Offset(1000));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->bytes, length);
}

TEST(Record, EveryTruncationIsDamage) {
  const auto bytes = encode(sample_record());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const std::vector<std::byte> exact(bytes.begin(),
                                       bytes.begin() + static_cast<std::ptrdiff_t>(length));
    ASSERT_EQ(decode_refusal(exact), ErrorCode::kDamaged) << length;
  }
}

// A record has no checksum of its own: a flipped bit gives another record, within its limits, or
// damage.
TEST(Record, NoFlippedBitLeadsOutOfItsBytes) {
  const auto sample = encode(sample_record());
  for (std::size_t at = 0; at < sample.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto bytes = sample;
      bytes[at] ^= std::byte{1} << bit;
      const auto decoded = decode_record(bytes, Offset(1000));
      if (!decoded) {
        ASSERT_EQ(decoded.error().code, ErrorCode::kDamaged);
        continue;
      }
      ASSERT_LE(decoded->bytes, bytes.size());
      ASSERT_TRUE(validate(decoded->record));
      ASSERT_EQ(encoded_record_bytes(decoded->record), decoded->bytes);
    }
  }
}

TEST(Record, ZerosNeverDecode) {
  const std::vector<std::byte> zeros(4096);
  EXPECT_EQ(decode_refusal(zeros), ErrorCode::kDamaged);
}

TEST(Record, UnknownAttributesAreDamage) {
  for (unsigned bit = 8; bit < 16; ++bit) {
    auto bytes = encode(sample_smallest_record());
    store(bytes.data() + 4, static_cast<std::uint16_t>(1U << bit));
    EXPECT_EQ(decode_refusal(bytes), ErrorCode::kDamaged) << bit;
  }
}

TEST(Record, AnOffsetThatOverflowsIsDamage) {
  const auto bytes = encode(sample_smallest_record());  // delta 1
  EXPECT_TRUE(decode_record(bytes, Offset(~0ULL - 1)));
  EXPECT_FALSE(decode_record(bytes, Offset(~0ULL)));
}

TEST(Record, AnEntityChainLeadsOnlyBack) {
  RecordFields fields = sample_smallest_record();
  fields.entity = EntityLink{.increment = IncrementId(2), .previous = Offset(1000)};
  EXPECT_TRUE(decode_record(encode(fields), Offset(1000))) << "of the record at 1001";
  fields.entity->previous = Offset(1001);
  EXPECT_EQ(decode_refusal(encode(fields)), ErrorCode::kDamaged) << "to itself";
  fields.entity->previous = Offset(5000);
  EXPECT_EQ(decode_refusal(encode(fields)), ErrorCode::kDamaged) << "forward";
  fields.entity->previous.reset();
  EXPECT_EQ(decode_record(encode(fields), Offset(1000))->record.entity, fields.entity);
}

TEST(Record, IncrementIdsBeginAtOne) {
  RecordFields fields = sample_smallest_record();
  fields.entity = EntityLink{.increment = IncrementId(1), .previous = {}};
  auto bytes = encode(fields);
  store(bytes.data() + kRecordBytesMin, std::uint64_t{0});
  EXPECT_EQ(decode_refusal(bytes), ErrorCode::kDamaged);
}

TEST(Record, ATombstoneHasAKeyAndNoValue) {
  RecordFields fields = sample_tombstone();
  EXPECT_TRUE(validate(fields));
  fields.value = as_bytes("x");
  EXPECT_EQ(refusal(fields), ErrorCode::kInvalidArgument);
  fields.value = {};
  fields.key = {};
  EXPECT_EQ(refusal(fields), ErrorCode::kInvalidArgument);
}

TEST(Record, AProducerHasAnIdAndANumberThatHasANext) {
  RecordFields fields = sample_smallest_record();
  fields.producer = ProducerMark{.id = {.high = 0, .low = 1}, .number = ProducerNumber(~0ULL - 1)};
  EXPECT_TRUE(validate(fields));
  fields.producer->number = ProducerNumber(~0ULL);
  EXPECT_EQ(refusal(fields), ErrorCode::kInvalidArgument);
  fields.producer = ProducerMark{.id = {}, .number = ProducerNumber(0)};
  EXPECT_EQ(refusal(fields), ErrorCode::kInvalidArgument);
}

// Exactly at the limit a record is valid and read back; one byte more is refused.
void expect_limit(const RecordFields& at_limit, const RecordFields& above) {
  EXPECT_TRUE(validate(at_limit));
  const auto bytes = encode(at_limit);
  const auto decoded = decode_record(bytes, Offset(1000));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_TRUE(same_fields(decoded->record, at_limit));
  EXPECT_EQ(refusal(above), ErrorCode::kTooLarge);
}

TEST(RecordLimit, Key) {
  const std::string key(limits::kKeyBytesMax + 1, 'k');
  RecordFields fits = sample_smallest_record();
  fits.key = as_bytes(key).first(limits::kKeyBytesMax);
  RecordFields above = fits;
  above.key = as_bytes(key);
  expect_limit(fits, above);
  EXPECT_EQ(decode_refusal(encode(above)), ErrorCode::kDamaged);
}

TEST(RecordLimit, IdempotencyKey) {
  const std::string key(limits::kIdempotencyKeyBytesMax + 1, 'i');
  RecordFields fits = sample_smallest_record();
  fits.idempotency_key = as_bytes(key).first(limits::kIdempotencyKeyBytesMax);
  RecordFields above = fits;
  above.idempotency_key = as_bytes(key);
  expect_limit(fits, above);
}

TEST(RecordLimit, WholeRecord) {
  const std::vector<std::byte> value(limits::kRecordBytesMax - kRecordBytesMin + 1);
  RecordFields fits = sample_smallest_record();
  fits.value = Bytes(value).first(value.size() - 1);
  RecordFields above = fits;
  above.value = value;
  EXPECT_EQ(encoded_record_bytes(fits), limits::kRecordBytesMax);
  expect_limit(fits, above);
  EXPECT_EQ(decode_refusal(encode(above)), ErrorCode::kDamaged);
}

std::vector<Header> headers_of(std::size_t count, std::string_view name) {
  return std::vector<Header>(count, Header{.name = name, .value = {}});
}

TEST(RecordLimit, Headers) {
  const auto most = encode_headers(headers_of(limits::kHeadersMax, "h"));
  ASSERT_TRUE(most);
  EXPECT_EQ(decode_headers(*most)->size(), limits::kHeadersMax);
  const auto above = encode_headers(headers_of(limits::kHeadersMax + 1, "h"));
  ASSERT_FALSE(above);
  EXPECT_EQ(above.error().code, ErrorCode::kTooLarge);
}

TEST(RecordLimit, HeaderName) {
  const std::string name(limits::kHeaderNameBytesMax + 1, 'n');
  const std::string_view longest = std::string_view(name).substr(1);
  const auto most = encode_headers(headers_of(1, longest));
  ASSERT_TRUE(most);
  EXPECT_EQ(decode_headers(*most)->front().name, longest);
  for (const std::string_view wrong : {std::string_view(name), std::string_view()}) {
    const auto refused = encode_headers(headers_of(1, wrong));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(RecordLimit, HeaderValue) {
  const std::vector<std::byte> value(limits::kRecordBytesMax + 1);
  const Header fits{.name = "h", .value = Bytes(value).subspan(1)};
  EXPECT_TRUE(encode_headers(std::vector{fits})) << "the record's own limit refuses it later";
  const auto above = encode_headers(std::vector{Header{.name = "h", .value = value}});
  ASSERT_FALSE(above);
  EXPECT_EQ(above.error().code, ErrorCode::kTooLarge);
}

TEST(Headers, NoneAreNoBytes) {
  EXPECT_TRUE(encode_headers({})->empty());
  EXPECT_TRUE(decode_headers({})->empty());
}

TEST(Headers, EveryTruncationAndExtensionIsDamage) {
  const auto sample = sample_headers();
  for (std::size_t length = 1; length <= sample.size() + 1; ++length) {
    auto bytes = sample;
    bytes.resize(length);
    const auto headers = decode_headers(bytes);
    ASSERT_EQ(headers.has_value(), length == sample.size()) << length;
    if (!headers) {
      ASSERT_EQ(headers.error().code, ErrorCode::kDamaged);
    }
  }
}

}  // namespace
}  // namespace bimip::testing
