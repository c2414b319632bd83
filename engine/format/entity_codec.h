// What the formats of entities share. Private to engine/format.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "engine/base/bytes.h"
#include "engine/format/entity_hash.h"

namespace bimip::engine::codec {

inline constexpr std::size_t kEntityHashBytes = 11;
inline constexpr std::size_t kLostRecordsBytes = 16 + 2 * kEntityHashBytes;

inline std::uint64_t load_u48(const std::byte* from) {
  return std::uint64_t{load<std::uint32_t>(from)} |
         (std::uint64_t{load<std::uint16_t>(from + 4)} << 32U);
}
inline void store_u48(std::byte* to, std::uint64_t value) {
  store(to, static_cast<std::uint32_t>(value));
  store(to + 4, static_cast<std::uint16_t>(value >> 32U));
}

inline EntityHash load_entity_hash(const std::byte* from) {
  return {.high = load<std::uint64_t>(from),
          .low = std::uint32_t{load<std::uint16_t>(from + 8)} |
                 (std::uint32_t{load<std::uint8_t>(from + 10)} << 16U)};
}
inline void store_entity_hash(std::byte* to, const EntityHash& hash) {
  store(to, hash.high);
  store(to + 8, static_cast<std::uint16_t>(hash.low));
  store(to + 10, static_cast<std::uint8_t>(hash.low >> 16U));
}

inline LostRecords load_lost(const std::byte* from) {
  return {.offsets = {.first = Offset(load<std::uint64_t>(from)),
                      .end = Offset(load<std::uint64_t>(from + 8))},
          .first = load_entity_hash(from + 16),
          .last = load_entity_hash(from + 16 + kEntityHashBytes)};
}
inline void store_lost(std::byte* to, const LostRecords& lost) {
  store(to, lost.offsets.first.value());
  store(to + 8, lost.offsets.end.value());
  store_entity_hash(to + 16, lost.first);
  store_entity_hash(to + 16 + kEntityHashBytes, lost.last);
}
inline void write_lost(ByteWriter& out, const LostRecords& lost) {
  std::array<std::byte, kLostRecordsBytes> raw;
  store_lost(raw.data(), lost);
  out.write_bytes(raw);
}

// Each holds something, of these offsets and of some hash.
inline bool are_sound(std::span<const LostRecords> lost, const OffsetRange& within) {
  for (const LostRecords& range : lost) {
    if (range.offsets.first >= range.offsets.end || range.offsets.first < within.first ||
        range.offsets.end > within.end || range.last < range.first)
      return false;
  }
  return true;
}

// The first of `size` rising hashes that is not below `target`. Hashes are spread evenly, so where
// one lies is guessed from its value, three times, each time between closer bounds; what is left is
// a few neighbours. An uneven spread costs more looks, at most about twice those of a binary
// search.
template <typename HashAt>
std::size_t hash_lower_bound(std::size_t size, const EntityHash& target, HashAt hash_at) {
  std::size_t low = 0;  // all before it are below the target
  std::size_t high = size;
  double least = 0;
  double most = 0x1p64;
  const auto look = [&](std::size_t probe) {
    const EntityHash here = hash_at(probe);
    const bool below = here < target;
    (below ? low : high) = below ? probe + 1 : probe;
    (below ? least : most) = static_cast<double>(here.high);
    return below;
  };
  bool from_below = true;
  for (int guess = 0; guess < 3 && low < high && most > least; ++guess) {
    const double share = (static_cast<double>(target.high) - least) / (most - least);
    const double place = share * static_cast<double>(high - low);
    from_below = look(place <= 0 ? low : std::min(high - 1, low + static_cast<std::size_t>(place)));
  }
  for (std::size_t step = 1; low < high; step *= 2) {
    const std::size_t far = std::min(step, high - low) - 1;
    if (look(from_below ? low + far : high - 1 - far) != from_below) break;
  }
  while (low < high) look(low + (high - low) / 2);
  return low;
}

}  // namespace bimip::engine::codec
