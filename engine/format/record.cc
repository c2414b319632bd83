#include "engine/format/record.h"

#include <limits>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "engine/format/codec.h"

namespace bimip::engine {
namespace {

// Bits of `attributes`: which parts follow.
enum : std::uint16_t {
  kHasKey = 1U << 0U,
  kHasEntity = 1U << 1U,
  kHasProducer = 1U << 2U,
  kHasIdempotencyKey = 1U << 3U,
  kHasHeaders = 1U << 4U,
  kIsTombstone = 1U << 5U,
  kHasExpiry = 1U << 6U,
  kHasNotBefore = 1U << 7U,
  kKnownAttributes = (1U << 8U) - 1U,
};

constexpr std::uint64_t kNumberMax = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kNoPrevious = kNumberMax;

std::uint16_t attributes_of(const RecordFields& fields) {
  unsigned bits = 0;
  if (!fields.key.empty()) bits |= kHasKey;
  if (fields.entity) bits |= kHasEntity;
  if (fields.producer) bits |= kHasProducer;
  if (!fields.idempotency_key.empty()) bits |= kHasIdempotencyKey;
  if (!fields.headers.empty()) bits |= kHasHeaders;
  if (fields.kind == RecordKind::kTombstone) bits |= kIsTombstone;
  if (fields.expires_at) bits |= kHasExpiry;
  if (fields.not_before) bits |= kHasNotBefore;
  return static_cast<std::uint16_t>(bits);
}

// Writes forward through a range that is known to be long enough.
class Cursor {
 public:
  explicit Cursor(std::byte* at) : at_(at) {}
  template <typename T>
  void write(T value) {
    store(at_, value);
    at_ += sizeof(T);
  }
  void write_bytes(Bytes bytes) {
    if (bytes.empty()) return;
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  [[nodiscard]] const std::byte* at() const { return at_; }

 private:
  std::byte* at_;
};

std::unexpected<Error> damaged(const char* what) { return fail(ErrorCode::kDamaged, what); }

}  // namespace

Status validate(const RecordFields& fields) {
  const auto too_large = [](std::string_view what, std::size_t is, std::size_t max) {
    return fail(ErrorCode::kTooLarge, "the record's " + std::string(what) + " is " +
                                          std::to_string(is) + " bytes long; at most " +
                                          std::to_string(max) + " are taken");
  };
  if (fields.key.size() > limits::kKeyBytesMax)
    return too_large("key", fields.key.size(), limits::kKeyBytesMax);
  if (fields.idempotency_key.size() > limits::kIdempotencyKeyBytesMax) {
    return too_large("idempotency key", fields.idempotency_key.size(),
                     limits::kIdempotencyKeyBytesMax);
  }
  if (fields.kind == RecordKind::kTombstone && (!fields.value.empty() || fields.key.empty())) {
    return fail(ErrorCode::kInvalidArgument, "a tombstone has a key and no value");
  }
  if (fields.producer && fields.producer->id.is_none()) {
    return fail(ErrorCode::kInvalidArgument, "a producer's id is not all zeros");
  }
  if (fields.producer && fields.producer->number.value() == kNumberMax) {
    return fail(ErrorCode::kInvalidArgument, "a producer's numbers end at 2^64 - 2");
  }
  const std::size_t bytes = encoded_record_bytes(fields);
  if (bytes > limits::kRecordBytesMax)
    return too_large("size with all its parts", bytes, limits::kRecordBytesMax);
  return {};
}

std::size_t encoded_record_bytes(const RecordFields& fields) {
  std::size_t bytes = kRecordBytesMin + fields.key.size() + fields.value.size();
  if (fields.entity) bytes += 16;
  if (fields.producer) bytes += 24;
  if (fields.expires_at) bytes += 8;
  if (fields.not_before) bytes += 8;
  if (!fields.idempotency_key.empty()) bytes += 1 + fields.idempotency_key.size();
  if (!fields.headers.empty()) bytes += 4 + fields.headers.size();
  return bytes;
}

std::size_t encode_record(const RecordFields& fields, std::uint32_t offset_delta,
                          MutableBytes out) {
  const std::size_t bytes = encoded_record_bytes(fields);
  BIMIP_ASSERT(out.size() >= bytes);
  BIMIP_ASSERT(!fields.entity || fields.entity->increment != IncrementId(0));
  Cursor to(out.data());
  to.write(static_cast<std::uint32_t>(bytes));
  to.write(attributes_of(fields));
  to.write(static_cast<std::uint16_t>(fields.key.size()));
  to.write(offset_delta);
  to.write(codec::to_micros(fields.timestamp));
  if (fields.entity) {
    to.write(fields.entity->increment.value());
    to.write(fields.entity->previous ? fields.entity->previous->value() : kNoPrevious);
  }
  if (fields.producer) {
    to.write(fields.producer->id.low);
    to.write(fields.producer->id.high);
    to.write(fields.producer->number.value());
  }
  if (fields.expires_at) to.write(codec::to_micros(*fields.expires_at));
  if (fields.not_before) to.write(codec::to_micros(*fields.not_before));
  if (!fields.idempotency_key.empty()) {
    to.write(static_cast<std::uint8_t>(fields.idempotency_key.size()));
    to.write_bytes(fields.idempotency_key);
  }
  if (!fields.headers.empty()) {
    to.write(static_cast<std::uint32_t>(fields.headers.size()));
    to.write_bytes(fields.headers);
  }
  to.write_bytes(fields.key);
  to.write_bytes(fields.value);
  BIMIP_ASSERT(to.at() == out.data() + bytes);
  return bytes;
}

Result<DecodedRecord> decode_record(Bytes payload, Offset block_base) {
  if (payload.size() < kRecordBytesMin) return damaged("too short for a record");
  const auto length = load<std::uint32_t>(payload.data());
  if (length < kRecordBytesMin || length > payload.size() || length > limits::kRecordBytesMax) {
    return damaged("a record has an impossible length");
  }
  ByteReader in(payload.subspan(4, length - 4));
  const auto attributes = in.read<std::uint16_t>();
  const auto key_bytes = in.read<std::uint16_t>();
  const auto delta = in.read<std::uint32_t>();
  Record record;
  record.timestamp = codec::from_micros(in.read<std::int64_t>());
  if ((attributes & ~unsigned{kKnownAttributes}) != 0)
    return damaged("a record has unknown attributes");
  if (block_base.value() > std::numeric_limits<std::uint64_t>::max() - delta)
    return damaged("a record's offset overflows");
  record.offset = block_base + delta;
  if ((attributes & kIsTombstone) != 0) record.kind = RecordKind::kTombstone;
  if ((attributes & kHasEntity) != 0) {
    EntityLink link{.increment = IncrementId(in.read<std::uint64_t>()), .previous = {}};
    const auto previous = in.read<std::uint64_t>();
    if (previous != kNoPrevious) link.previous = Offset(previous);
    // A chain that only leads back cannot be a ring.
    if (link.increment == IncrementId(0) || (link.previous && *link.previous >= record.offset))
      return damaged("a record's place in its entity's chain is impossible");
    record.entity = link;
  }
  if ((attributes & kHasProducer) != 0) {
    const auto low = in.read<std::uint64_t>();
    const auto high = in.read<std::uint64_t>();
    record.producer = ProducerMark{.id = {.high = high, .low = low},
                                   .number = ProducerNumber(in.read<std::uint64_t>())};
  }
  if ((attributes & kHasExpiry) != 0)
    record.expires_at = codec::from_micros(in.read<std::int64_t>());
  if ((attributes & kHasNotBefore) != 0)
    record.not_before = codec::from_micros(in.read<std::int64_t>());
  if ((attributes & kHasIdempotencyKey) != 0) {
    record.idempotency_key = in.read_bytes(in.read<std::uint8_t>());
    if (record.idempotency_key.empty())
      return damaged("a record's idempotency key is empty or cut short");
  }
  if ((attributes & kHasHeaders) != 0) {
    record.headers = in.read_bytes(in.read<std::uint32_t>());
    if (record.headers.empty()) return damaged("a record's headers are empty or cut short");
  }
  if (((attributes & kHasKey) != 0) != (key_bytes > 0)) return damaged("a record's key is empty");
  record.key = in.read_bytes(key_bytes);
  if (!in.ok()) return damaged("a record is cut short");
  record.value = in.rest();
  if (!validate(record)) return damaged("a record breaks the limits");
  return DecodedRecord{.record = record, .bytes = length};
}

Result<std::vector<std::byte>> encode_headers(std::span<const Header> headers) {
  std::vector<std::byte> out;
  if (headers.empty()) return out;
  if (headers.size() > limits::kHeadersMax) {
    return fail(ErrorCode::kTooLarge,
                "a record has at most " + std::to_string(limits::kHeadersMax) + " headers");
  }
  ByteWriter to(out);
  to.write(static_cast<std::uint16_t>(headers.size()));
  for (const Header& header : headers) {
    if (header.name.empty() || header.name.size() > limits::kHeaderNameBytesMax) {
      return fail(
          ErrorCode::kInvalidArgument,
          "a header's name has 1 to " + std::to_string(limits::kHeaderNameBytesMax) + " bytes");
    }
    if (header.value.size() > limits::kRecordBytesMax)
      return fail(ErrorCode::kTooLarge, "a header's value is above a record's limit");
    to.write(static_cast<std::uint8_t>(header.name.size()));
    to.write_bytes(as_bytes(header.name));
    to.write(static_cast<std::uint32_t>(header.value.size()));
    to.write_bytes(header.value);
  }
  return out;
}

Result<std::vector<Header>> decode_headers(Bytes encoded) {
  std::vector<Header> headers;
  if (encoded.empty()) return headers;
  ByteReader in(encoded);
  const auto count = in.read<std::uint16_t>();
  if (count == 0 || count > limits::kHeadersMax)
    return damaged("a record has an impossible number of headers");
  for (std::uint16_t i = 0; i < count; ++i) {
    const std::string_view name = as_text(in.read_bytes(in.read<std::uint8_t>()));
    const Bytes value = in.read_bytes(in.read<std::uint32_t>());
    if (!in.ok() || name.empty()) return damaged("a record's header is cut short");
    headers.push_back({.name = name, .value = value});
  }
  if (in.remaining() != 0) return damaged("bytes follow a record's last header");
  return headers;
}

}  // namespace bimip::engine
