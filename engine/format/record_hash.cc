#include "engine/format/record_hash.h"

#include <array>
#include <bit>

#include "engine/base/hash.h"

namespace bimip::engine {

Hash128 mix(const Hash128& before, const Record& record) {
  std::array<std::uint64_t, 17> fixed{};
  const auto micros = [](Timestamp time) {
    return static_cast<std::uint64_t>(time.time_since_epoch().count());
  };
  fixed = {before.low,
           before.high,
           record.offset.value(),
           micros(record.timestamp),
           static_cast<std::uint64_t>(record.kind),
           record.entity ? record.entity->increment.value() : 0,
           record.entity && record.entity->previous ? record.entity->previous->value() + 1 : 0,
           record.producer ? record.producer->id.low : 0,
           record.producer ? record.producer->id.high : 0,
           record.producer ? record.producer->number.value() + 1 : 0,
           record.expires_at ? 1U : 0U,
           record.expires_at ? micros(*record.expires_at) : 0,
           record.not_before ? 1U : 0U,
           record.not_before ? micros(*record.not_before) : 0,
           record.key.size(),
           record.idempotency_key.size(),
           record.headers.size()};
  Hash128 hash = xxh3_128(std::as_bytes(std::span(fixed)));
  for (const Bytes part : {record.key, record.idempotency_key, record.headers, record.value})
    hash = xxh3_128(part, hash.low ^ std::rotl(hash.high, 32));
  return hash;
}

}  // namespace bimip::engine
