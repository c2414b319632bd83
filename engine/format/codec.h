// What the codecs share: how wide values lie in bytes. Private to engine/format.
#pragma once

#include <bit>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/hash.h"
#include "engine/base/result.h"
#include "engine/base/types.h"
#include "engine/format/commit_block.h"

namespace bimip::engine::codec {

// Checksums are seeded with the store's identity, so that no payload can hold a valid block of its
// own store unless its author knows that identity.
inline std::uint64_t seed_of(const StoreId& store) { return store.low ^ std::rotl(store.high, 32); }

inline std::int64_t to_micros(Timestamp time) { return time.time_since_epoch().count(); }
inline Timestamp from_micros(std::int64_t micros) {
  return Timestamp(std::chrono::microseconds(micros));
}

template <typename Wide>
void store_wide(std::byte* to, const Wide& wide) {
  store(to, wide.low);
  store(to + 8, wide.high);
}
template <typename Wide>
Wide load_wide(const std::byte* from) {
  return {.high = load<std::uint64_t>(from + 8), .low = load<std::uint64_t>(from)};
}

// Store, topic, partition, epoch: 32 bytes.
inline constexpr std::size_t kIdentityBytes = 32;
inline void store_identity(std::byte* to, const SegmentIdentity& identity) {
  store_wide(to, identity.store);
  store(to + 16, identity.topic.value());
  store(to + 20, identity.partition.value());
  store(to + 24, identity.epoch.value());
}
inline SegmentIdentity load_identity(const std::byte* from) {
  return {.store = load_wide<StoreId>(from),
          .topic = TopicId(load<std::uint32_t>(from + 16)),
          .partition = PartitionId(load<std::uint32_t>(from + 20)),
          .epoch = Epoch(load<std::uint64_t>(from + 24))};
}

// Which part of the identities differs, in words; empty when none does.
std::string difference(const SegmentIdentity& is, const SegmentIdentity& should_be);

// Writes a table's payload field by field.
class Writer {
 public:
  void u8(std::uint8_t value) { raw_.write(value); }
  void u16(std::uint16_t value) { raw_.write(value); }
  void u32(std::uint32_t value) { raw_.write(value); }
  void u64(std::uint64_t value) { raw_.write(value); }
  template <typename Tag, typename Rep>
  void number(Number<Tag, Rep> value) {
    raw_.write(value.value());
  }
  void time(Timestamp value) { raw_.write(to_micros(value)); }
  template <typename Wide>
  void wide(const Wide& value) {
    raw_.write(value.low);
    raw_.write(value.high);
  }
  void text(std::string_view value) {
    u32(static_cast<std::uint32_t>(value.size()));
    raw_.write_bytes(as_bytes(value));
  }
  [[nodiscard]] Bytes bytes() const { return out_; }

 private:
  std::vector<std::byte> out_;
  ByteWriter raw_{out_};
};

// Reads it back; see ByteReader for what happens past the end.
class Reader {
 public:
  explicit Reader(Bytes bytes) : raw_(bytes) {}
  std::uint8_t u8() { return raw_.read<std::uint8_t>(); }
  std::uint16_t u16() { return raw_.read<std::uint16_t>(); }
  std::uint32_t u32() { return raw_.read<std::uint32_t>(); }
  std::uint64_t u64() { return raw_.read<std::uint64_t>(); }
  template <typename N>
  N number() {
    return N(raw_.read<typename N::rep>());
  }
  Timestamp time() { return from_micros(raw_.read<std::int64_t>()); }
  template <typename Wide>
  Wide wide() {
    const std::uint64_t low = u64();
    return {.high = u64(), .low = low};
  }
  std::string text() {
    const std::uint32_t length = u32();
    return std::string(as_text(raw_.read_bytes(length)));
  }
  // A count of things that take at least `each` bytes: failed when they cannot all be there.
  std::size_t count(std::size_t each) {
    const std::uint64_t n = u64();
    if (n > raw_.remaining() / each) {
      (void)raw_.read_bytes(raw_.remaining() + 1);
      return 0;
    }
    return n;
  }
  [[nodiscard]] bool ok() const { return raw_.ok(); }
  [[nodiscard]] bool at_end() const { return raw_.ok() && raw_.remaining() == 0; }
  [[nodiscard]] Bytes rest() const { return raw_.rest(); }

 private:
  ByteReader raw_;
};

}  // namespace bimip::engine::codec
