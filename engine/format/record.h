// A record as stored inside a commit block. Normative page: docs/design/format-record.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "engine/base/types.h"

namespace bimip::engine {

// What a record without any optional part takes: length, attributes, key length, offset, timestamp.
inline constexpr std::size_t kRecordBytesMin = 20;

struct Header {
  std::string_view name;
  Bytes value{};
};

// A record's place in its entity's chain. `previous` is the entity's record before this one, none
// for its first.
struct EntityLink {
  IncrementId increment{};
  std::optional<Offset> previous{};
  friend bool operator==(const EntityLink&, const EntityLink&) = default;
};

// Who published a record under which of its own numbers.
struct ProducerMark {
  ProducerId id{};
  ProducerNumber number{};
  friend bool operator==(const ProducerMark&, const ProducerMark&) = default;
};

enum class RecordKind : std::uint8_t {
  kValue,
  kTombstone,  // the key has no value any more; `value` is empty
};

// Everything of a record but its offset. Views the bytes it was made from.
struct RecordFields {
  Timestamp timestamp{};
  RecordKind kind = RecordKind::kValue;
  std::optional<EntityLink> entity{};
  std::optional<ProducerMark> producer{};
  std::optional<Timestamp> expires_at{};
  std::optional<Timestamp> not_before{};
  Bytes key{};              // empty: no key
  Bytes idempotency_key{};  // empty: none
  Bytes headers{};          // as encode_headers wrote them; empty: none
  Bytes value{};
};

struct Record : RecordFields {
  Offset offset{};
};

// Nobody is given a record that is held: when its time has come it is appended again without one,
// by the log, under this producer and with the offset it was held at as the number. Page:
// docs/design/delay.md.
inline constexpr ProducerId kReleaseProducer{.high = 0x62696D69702D7265, .low = 0x6C65617365730000};
[[nodiscard]] inline bool is_held(const RecordFields& record) {
  return record.not_before.has_value();
}
// Where a record that was held is held; nothing for others.
[[nodiscard]] inline std::optional<Offset> held_at(const RecordFields& record) {
  if (!record.producer || record.producer->id != kReleaseProducer) return std::nullopt;
  return Offset(record.producer->number.value());
}
// Nobody is given it any more.
[[nodiscard]] inline bool has_expired(const RecordFields& record, Timestamp now) {
  return record.expires_at && *record.expires_at <= now;
}

// Within the limits of engine/base/limits.h, or kInvalidArgument / kTooLarge naming the field. Does
// not look at the entity link, which is the log's own.
[[nodiscard]] Status validate(const RecordFields& fields);

// Exactly what encode_record will write.
[[nodiscard]] std::size_t encoded_record_bytes(const RecordFields& fields);
// Writes the record at the front of `out`, which is at least encoded_record_bytes long; answers the
// bytes written. `offset_delta` is its offset less its block's base offset. The fields are valid,
// and an entity link has an increment and leads back.
std::size_t encode_record(const RecordFields& fields, std::uint32_t offset_delta, MutableBytes out);

struct DecodedRecord {
  Record record;
  std::size_t bytes;  // what it took of the input
};
// The record at the front of `payload`; never reads outside it, whatever it holds. kDamaged when it
// is no record.
[[nodiscard]] Result<DecodedRecord> decode_record(Bytes payload, Offset block_base);

// Headers, in order, names may repeat. kInvalidArgument / kTooLarge above the limits.
[[nodiscard]] Result<std::vector<std::byte>> encode_headers(std::span<const Header> headers);
[[nodiscard]] Result<std::vector<Header>> decode_headers(Bytes encoded);

}  // namespace bimip::engine
