// What an entity (a key of a topic) is known by where its key is too long to keep. Normative page:
// docs/design/format-entities.md.
#pragma once

#include <compare>
#include <cstdint>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "engine/base/types.h"

namespace bimip::engine {

// 88 bits of the key's XXH3-128, seeded with the store's identity. That two of ten million keys
// share one has a chance of 2 in 10^13; what happens then: docs/design/entities.md.
struct EntityHash {
  std::uint64_t high = 0;
  std::uint32_t low = 0;  // 24 bits
  friend constexpr auto operator<=>(const EntityHash&, const EntityHash&) = default;
};

inline constexpr std::uint32_t kEntityHashLowMax = (1U << 24U) - 1U;
inline constexpr EntityHash kEntityHashMax{.high = ~0ULL, .low = kEntityHashLowMax};

[[nodiscard]] EntityHash entity_hash(const StoreId& store, Bytes key);

// A record's place in its entity and in its partition.
struct EntityRecord {
  IncrementId increment{};
  Offset offset{};
  friend bool operator==(const EntityRecord&, const EntityRecord&) = default;
};

// Increments and offsets are kept in six bytes, of which one bit is a flag: at a million records a
// second into one partition that lasts four years.
inline constexpr std::uint64_t kEntityNumberMax = (1ULL << 47U) - 2U;

// Records of which it is not known whose they were: damage took them. An entity whose hash is in
// [first, last] may have as many more increments than are known as there are offsets here above its
// newest known record.
struct LostRecords {
  OffsetRange offsets{};
  EntityHash first{};
  EntityHash last = kEntityHashMax;
  friend bool operator==(const LostRecords&, const LostRecords&) = default;
};

}  // namespace bimip::engine
