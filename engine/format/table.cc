#include "engine/format/table.h"

#include <algorithm>

#include "engine/format/codec.h"

namespace bimip::engine {
namespace {

constexpr std::size_t kMagicAt = 16;
constexpr std::size_t kVersionAt = 20;
constexpr std::size_t kKindAt = 22;
constexpr std::size_t kIdentityAt = 24;
constexpr std::size_t kPayloadBytesAt = 56;
static_assert(kPayloadBytesAt + 8 == kTableHeaderBytes);

}  // namespace

std::vector<std::byte> encode_table(TableKind kind, const SegmentIdentity& identity,
                                    Bytes payload) {
  std::vector<std::byte> file(kTableHeaderBytes + payload.size());
  store(file.data() + kMagicAt, kTableMagic);
  store(file.data() + kVersionAt, kTableVersion);
  store(file.data() + kKindAt, static_cast<std::uint16_t>(kind));
  codec::store_identity(file.data() + kIdentityAt, identity);
  store(file.data() + kPayloadBytesAt, std::uint64_t{payload.size()});
  std::ranges::copy(payload, file.begin() + kTableHeaderBytes);
  codec::store_wide(file.data(),
                    xxh3_128(Bytes(file).subspan(kMagicAt), codec::seed_of(identity.store)));
  return file;
}

Result<Table> decode_table(TableKind kind, Bytes file) {
  if (file.size() < kTableHeaderBytes) return fail(ErrorCode::kDamaged, "too short for a table");
  if (load<std::uint32_t>(file.data() + kMagicAt) != kTableMagic)
    return fail(ErrorCode::kDamaged, "not a table");
  const SegmentIdentity identity = codec::load_identity(file.data() + kIdentityAt);
  if (xxh3_128(file.subspan(kMagicAt), codec::seed_of(identity.store)) !=
      codec::load_wide<Hash128>(file.data())) {
    return fail(ErrorCode::kDamaged, "the table fails its checksum");
  }
  const auto version = load<std::uint16_t>(file.data() + kVersionAt);
  if (version != kTableVersion) {
    return fail(ErrorCode::kUnsupportedVersion,
                "the table is of format version " + std::to_string(version) +
                    "; this program knows version " + std::to_string(kTableVersion));
  }
  const auto is_kind = load<std::uint16_t>(file.data() + kKindAt);
  if (is_kind != static_cast<std::uint16_t>(kind)) {
    return fail(ErrorCode::kForeign, "a table of kind " + std::to_string(is_kind) + ", not " +
                                         std::to_string(static_cast<std::uint16_t>(kind)));
  }
  if (load<std::uint64_t>(file.data() + kPayloadBytesAt) != file.size() - kTableHeaderBytes) {
    return fail(ErrorCode::kDamaged, "the table has another length than it says");
  }
  return Table{.identity = identity, .payload = file.subspan(kTableHeaderBytes)};
}

Result<Table> decode_table(TableKind kind, const SegmentIdentity& identity, Bytes file) {
  Result<Table> table = decode_table(kind, file);
  if (table && table->identity != identity) {
    return fail(ErrorCode::kForeign,
                "the table is of another " + codec::difference(table->identity, identity));
  }
  return table;
}

}  // namespace bimip::engine
