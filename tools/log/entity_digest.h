// What is said of entities' records, in 24 bytes: equal for equal sets of records, whatever their
// order.
#pragma once

#include <array>
#include <span>

#include "engine/base/hash.h"
#include "engine/format/entity_hash.h"
#include "tools/log/words.h"

namespace bimip::log_tools {

class EntityDigest {
 public:
  void add(const EntityHash& hash, const EntityRecord& record) {
    const std::array<std::uint64_t, 4> words{hash.high, hash.low, record.increment.value(),
                                             record.offset.value()};
    const Hash128 mixed = xxh3_128(std::as_bytes(std::span(words)));
    sum_.low += mixed.low;
    sum_.high += mixed.high;
    ++records_;
  }
  friend bool operator==(const EntityDigest&, const EntityDigest&) = default;

 private:
  Hash128 sum_{};
  std::uint64_t records_ = 0;
};

}  // namespace bimip::log_tools
