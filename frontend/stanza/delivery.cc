#include "frontend/stanza/delivery.h"

#include <array>
#include <optional>
#include <string_view>

#include "bimip/v1/stanza.pb.h"

namespace bimip::frontend {
namespace {

using engine::as_text;

enum class Wire : std::uint32_t { kVarint = 0, kBytes = 2 };

std::size_t varint_bytes(std::uint64_t value) {
  std::size_t count = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++count;
  }
  return count;
}

void put_varint(std::string& out, std::uint64_t value) {
  std::array<char, 10> bytes{};
  std::size_t count = 0;
  while (value >= 0x80) {
    bytes[count++] = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  bytes[count++] = static_cast<char>(value);
  out.append(bytes.data(), count);
}

constexpr std::uint64_t tag(int field, Wire wire) {
  return static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire);
}

void put_number(std::string& out, int field, std::uint64_t value) {
  if (value == 0) return;
  put_varint(out, tag(field, Wire::kVarint));
  put_varint(out, value);
}

void put_text(std::string& out, int field, std::string_view text) {
  if (text.empty()) return;
  put_varint(out, tag(field, Wire::kBytes));
  put_varint(out, text.size());
  out.append(text);
}

// Zero as well: for a field that may be absent.
void put_present(std::string& out, int field, const std::optional<std::uint64_t>& value) {
  if (!value) return;
  put_varint(out, tag(field, Wire::kVarint));
  put_varint(out, *value);
}

std::size_t number_bytes(int field, std::uint64_t value) {
  return value == 0 ? 0 : varint_bytes(tag(field, Wire::kVarint)) + varint_bytes(value);
}

std::size_t present_bytes(int field, const std::optional<std::uint64_t>& value) {
  return value ? varint_bytes(tag(field, Wire::kVarint)) + varint_bytes(*value) : 0;
}

std::size_t text_bytes(int field, std::size_t size) {
  return size == 0 ? 0 : varint_bytes(tag(field, Wire::kBytes)) + varint_bytes(size) + size;
}

// Unlike an empty field, an empty message is there.
std::size_t message_bytes(int field, std::size_t size) {
  return varint_bytes(tag(field, Wire::kBytes)) + varint_bytes(size) + size;
}

std::size_t header_bytes(const engine::Header& header) {
  return text_bytes(v1::Header::kNameFieldNumber, header.name.size()) +
         text_bytes(v1::Header::kValueFieldNumber, header.value.size());
}

using Fields = v1::DeliveredRecord;

}  // namespace

void DeliveryWriter::begin(std::uint64_t subscription, engine::PartitionId partition) {
  body_.clear();
  put_number(body_, v1::Delivery::kSubscriptionIdFieldNumber, subscription);
  put_number(body_, v1::Delivery::kPartitionFieldNumber, partition.value());
}

engine::Status DeliveryWriter::add(const engine::Record& record, std::uint32_t deliveries_before) {
  std::vector<engine::Header> headers;
  if (!record.headers.empty()) {
    auto decoded = engine::decode_headers(record.headers);
    if (!decoded) return std::unexpected(std::move(decoded.error()));
    headers = std::move(*decoded);
  }
  const auto timestamp = static_cast<std::uint64_t>(record.timestamp.time_since_epoch().count());
  const std::uint64_t tombstone = record.kind == engine::RecordKind::kTombstone ? 1 : 0;
  const std::uint64_t increment = record.entity ? record.entity->increment.value() : 0;
  const std::uint64_t expires =
      record.expires_at ? static_cast<std::uint64_t>(record.expires_at->time_since_epoch().count())
                        : 0;
  std::optional<std::uint64_t> held;
  if (const auto offset = engine::held_at(record)) held = offset->value();
  std::size_t bytes = number_bytes(Fields::kOffsetFieldNumber, record.offset.value()) +
                      number_bytes(Fields::kTimestampUsFieldNumber, timestamp) +
                      text_bytes(Fields::kKeyFieldNumber, record.key.size()) +
                      text_bytes(Fields::kValueFieldNumber, record.value.size()) +
                      number_bytes(Fields::kTombstoneFieldNumber, tombstone) +
                      number_bytes(Fields::kIncrementFieldNumber, increment) +
                      number_bytes(Fields::kExpiresAtUsFieldNumber, expires) +
                      present_bytes(Fields::kHeldAtOffsetFieldNumber, held) +
                      number_bytes(Fields::kDeliveriesBeforeFieldNumber, deliveries_before);
  for (const engine::Header& header : headers)
    bytes += message_bytes(Fields::kHeadersFieldNumber, header_bytes(header));

  put_varint(body_, tag(v1::Delivery::kRecordsFieldNumber, Wire::kBytes));
  put_varint(body_, bytes);
  put_number(body_, Fields::kOffsetFieldNumber, record.offset.value());
  put_number(body_, Fields::kTimestampUsFieldNumber, timestamp);
  put_text(body_, Fields::kKeyFieldNumber, as_text(record.key));
  for (const engine::Header& header : headers) {
    put_varint(body_, tag(Fields::kHeadersFieldNumber, Wire::kBytes));
    put_varint(body_, header_bytes(header));
    put_text(body_, v1::Header::kNameFieldNumber, header.name);
    put_text(body_, v1::Header::kValueFieldNumber, as_text(header.value));
  }
  put_text(body_, Fields::kValueFieldNumber, as_text(record.value));
  put_number(body_, Fields::kTombstoneFieldNumber, tombstone);
  put_number(body_, Fields::kIncrementFieldNumber, increment);
  put_number(body_, Fields::kExpiresAtUsFieldNumber, expires);
  put_present(body_, Fields::kHeldAtOffsetFieldNumber, held);
  put_number(body_, Fields::kDeliveriesBeforeFieldNumber, deliveries_before);
  return {};
}

void DeliveryWriter::finish(std::string& out, Framing framing) {
  append_frame_header(out, message_bytes(v1::Stanza::kDeliveryFieldNumber, body_.size()), framing);
  put_varint(out, tag(v1::Stanza::kDeliveryFieldNumber, Wire::kBytes));
  put_varint(out, body_.size());
  out.append(body_);
}

}  // namespace bimip::frontend
