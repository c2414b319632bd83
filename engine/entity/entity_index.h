// What a partition knows of its entities in memory: the newest record of each, what damage took,
// and whether it is all. Design: docs/design/entities.md.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/entity/entity_table.h"
#include "engine/format/record.h"

namespace bimip::engine {

// Thread-safe. The partition's writer appends; everybody looks. Invariant: an increment that
// append() gave is greater than any that the entity ever had in the log.
class EntityIndex {
 public:
  // At most about `entities_max` are kept; the coldest give way.
  EntityIndex(StoreId store, std::size_t entities_max)
      : store_(store), entities_max_(entities_max) {}

  [[nodiscard]] EntityHash hash(Bytes key) const { return entity_hash(store_, key); }

  // While the partition is opened: newer records come later.
  void load(const EntityHash& hash, const EntityRecord& newest);
  void lose(const LostRecords& lost);
  // There are entities that are not here; they are found below this offset.
  void set_incomplete();

  // The link of the entity's next record, which goes to `offset`; nothing when the entity is not
  // here and may be elsewhere. Others see the record once published() says so. Offsets rise.
  [[nodiscard]] std::optional<EntityLink> append(const EntityHash& hash, Offset offset);
  // Records below `visible` can be read, from now on or already.
  void published(Offset visible);
  // What was appended and not published will never be.
  void undo();
  // Of entities that were not here: their newest records elsewhere, nothing when they have none.
  // Kept until append() takes them or others are learnt.
  struct Learnt {
    EntityHash hash{};
    std::optional<EntityRecord> newest{};
  };
  void learn(const std::vector<Learnt>& learnt);
  // Entities whose newest record is below this can be found elsewhere.
  void set_evictable_end(Offset end);
  // Whether it may have had records, published or not.
  [[nodiscard]] bool may_know(const EntityHash& hash) const;
  // It was erased, and none of its records is on its way: its next one is its first.
  void forget(const EntityHash& hash);

  struct Answer {
    std::optional<EntityRecord> newest{};
    bool elsewhere = false;  // not here, but perhaps elsewhere
  };
  // Its newest record that was published.
  [[nodiscard]] Answer find(const EntityHash& hash) const;
  // Whether append() would answer.
  [[nodiscard]] bool is_here(const EntityHash& hash) const;
  // By rising hash, from `from` on; those here, with their newest published records.
  struct Page {
    std::vector<EntityNewest> entities{};
    std::optional<EntityHash> next{};  // where others follow
  };
  [[nodiscard]] Page list(const EntityHash& from, std::size_t max) const;
  [[nodiscard]] std::vector<LostRecords> lost() const;

  [[nodiscard]] bool is_complete() const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t bytes() const;

 private:
  // Lost offsets above `newest` that may have been of this entity.
  [[nodiscard]] std::uint64_t lost_behind(const EntityHash& hash,
                                          std::optional<Offset> newest) const REQUIRES(mutex_);
  void make_room(const EntityHash& hash) REQUIRES(mutex_);
  // The newest published one of an entity whose newest is this.
  [[nodiscard]] std::optional<EntityRecord> published_of(EntityRecord newest) const
      REQUIRES(mutex_);

  // An append that was not published.
  struct Change {
    EntityHash hash{};
    Offset offset{};
    std::optional<EntityRecord> before{};
  };

  const StoreId store_;
  const std::size_t entities_max_;
  mutable Mutex mutex_;  // held for one lookup or change
  EntityTable table_ GUARDED_BY(mutex_);
  std::deque<Change> on_their_way_ GUARDED_BY(mutex_);  // by offset
  Offset visible_ GUARDED_BY(mutex_){};
  std::vector<LostRecords> lost_ GUARDED_BY(mutex_);
  std::map<EntityHash, std::optional<EntityRecord>> learnt_ GUARDED_BY(mutex_);
  bool complete_ GUARDED_BY(mutex_) = true;
  Offset evictable_end_ GUARDED_BY(mutex_){};
};

}  // namespace bimip::engine
