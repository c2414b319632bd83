// The envelope of every file that is written whole and never changed in place: catalog, manifest,
// index, producers, checkpoint, entities, losses, scrub. Normative page:
// docs/design/format-tables.md.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "engine/format/commit_block.h"

namespace bimip::engine {

inline constexpr std::size_t kTableHeaderBytes = 64;
inline constexpr std::uint32_t kTableMagic = 0x42544D42;  // "BMTB"
inline constexpr std::uint16_t kTableVersion = 1;

enum class TableKind : std::uint16_t {
  kCatalog = 1,
  kManifest = 2,
  kIndex = 3,
  kProducers = 4,
  kCheckpoint = 5,
  kEntities = 6,
  kLosses = 7,
  kScrub = 8,
};

struct Table {
  SegmentIdentity identity;  // what the table is about; parts that do not apply are zero
  Bytes payload;             // views the file
};

// The whole file: header, payload. The checksum covers both.
[[nodiscard]] std::vector<std::byte> encode_table(TableKind kind, const SegmentIdentity& identity,
                                                  Bytes payload);
// kDamaged (empty, truncated, trailing bytes and zeros too), kUnsupportedVersion, kForeign when of
// another kind.
[[nodiscard]] Result<Table> decode_table(TableKind kind, Bytes file);
// The same, and kForeign unless it is about `identity`.
[[nodiscard]] Result<Table> decode_table(TableKind kind, const SegmentIdentity& identity,
                                         Bytes file);

}  // namespace bimip::engine
