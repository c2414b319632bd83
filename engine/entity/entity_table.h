// The newest record of each entity, packed. Layouts compared: docs/design/entities.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/format/entity_base.h"
#include "engine/format/entity_hash.h"

namespace bimip::engine {

// Sub-tables of a few thousand entries, each for the hashes of one prefix, each growing and
// splitting alone: no moment at which all of it is there twice. A sub-table is an array of 23-byte
// entries in hash order with gaps (linear probing that keeps order), 80 to 90 % full.
// Thread-compatible.
class EntityTable {
 public:
  EntityTable();

  [[nodiscard]] std::optional<EntityRecord> find(const EntityHash& hash) const;
  // Inserts or replaces; answers what was there.
  std::optional<EntityRecord> put(const EntityHash& hash, const EntityRecord& newest);
  bool erase(const EntityHash& hash);

  // Removes, of some entities near `hash`, the one whose newest record is oldest; only one whose
  // newest record is below `end`. False when there was none.
  bool evict_near(const EntityHash& hash, Offset end);

  // The entities from `from` on, by rising hash, at most `max`.
  [[nodiscard]] std::vector<EntityNewest> list(const EntityHash& from, std::size_t max) const;

  [[nodiscard]] std::size_t size() const { return size_; }
  // What it takes of the heap.
  [[nodiscard]] std::size_t bytes() const;

 private:
  class Leaf;
  [[nodiscard]] std::size_t slot_of(const EntityHash& hash) const {
    return depth_ == 0 ? 0 : static_cast<std::size_t>(hash.high >> (64U - depth_));
  }
  [[nodiscard]] Leaf& leaf_of(const EntityHash& hash) const { return *by_prefix_[slot_of(hash)]; }
  void split(const EntityHash& hash);

  unsigned depth_ = 0;                              // bits of a prefix
  std::vector<std::shared_ptr<Leaf>> by_prefix_{};  // 2^depth_; neighbours may share one
  std::size_t size_ = 0;
};

}  // namespace bimip::engine
