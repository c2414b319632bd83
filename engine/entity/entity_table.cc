#include "engine/entity/entity_table.h"

#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/bytes.h"

namespace bimip::engine {
namespace {

constexpr std::size_t kHashBytes = 11;
constexpr std::size_t kSlotBytes = kHashBytes + 6 + 6;
constexpr std::size_t kLeafEntriesMax = 4096;
constexpr std::size_t kLeafSlotsMin = 8;
constexpr std::size_t kOverhang = 24;  // slots behind the last home, for entries pushed that far
constexpr std::uint64_t kEmpty = (1ULL << 48U) - 1U;  // as an offset
// Of the entities near a hash, so many are looked at for the coldest.
constexpr std::size_t kEvictionChoice = 48;

void store_u48(std::byte* to, std::uint64_t value) {
  store(to, static_cast<std::uint32_t>(value));
  store(to + 4, static_cast<std::uint16_t>(value >> 32U));
}
std::uint64_t load_u48(const std::byte* from) {
  return std::uint64_t{load<std::uint32_t>(from)} |
         (std::uint64_t{load<std::uint16_t>(from + 4)} << 32U);
}

}  // namespace

// Entries lie in hash order; one is at its home or, when that was taken, behind it with no empty
// slot between.
class EntityTable::Leaf {
 public:
  Leaf(unsigned depth, std::size_t homes) : depth_(depth) { reserve(homes); }

  [[nodiscard]] unsigned depth() const { return depth_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t slots() const { return slots_; }
  [[nodiscard]] std::size_t bytes() const { return sizeof(*this) + slots_ * kSlotBytes; }
  [[nodiscard]] bool is_empty(std::size_t slot) const { return offset_at(slot) == kEmpty; }
  [[nodiscard]] EntityHash hash_at(std::size_t slot) const {
    const std::byte* raw = at(slot);
    return {.high = load<std::uint64_t>(raw),
            .low = std::uint32_t{load<std::uint16_t>(raw + 8)} |
                   (std::uint32_t{load<std::uint8_t>(raw + 10)} << 16U)};
  }
  [[nodiscard]] EntityRecord record_at(std::size_t slot) const {
    return {.increment = IncrementId(load_u48(at(slot) + kHashBytes)),
            .offset = Offset(offset_at(slot))};
  }

  // The slot of `hash`, or the one it would take, which holds a greater one or nothing.
  [[nodiscard]] std::size_t place_of(const EntityHash& hash) const {
    std::size_t slot = home(hash);
    while (slot < slots_ && !is_empty(slot) && hash_at(slot) < hash) ++slot;
    return slot;
  }
  [[nodiscard]] bool holds(std::size_t slot, const EntityHash& hash) const {
    return slot < slots_ && !is_empty(slot) && hash_at(slot) == hash;
  }

  void set(std::size_t slot, const EntityRecord& record) {
    store_u48(at(slot) + kHashBytes, record.increment.value());
    store_u48(at(slot) + kHashBytes + 6, record.offset.value());
  }

  void insert(const EntityHash& hash, const EntityRecord& record) {
    if ((size_ + 1) * 10 > homes_ * 9) reserve(homes_ + homes_ / 8 + 1);
    while (!try_insert(hash, record)) reserve(homes_ + homes_ / 8 + 1);
  }

  void erase(std::size_t slot) {
    std::size_t end = slot + 1;
    while (end < slots_ && !is_empty(end) && home(hash_at(end)) < end) ++end;
    std::memmove(at(slot), at(slot + 1), (end - slot - 1) * kSlotBytes);
    clear(end - 1);
    --size_;
  }

 private:
  [[nodiscard]] std::byte* at(std::size_t slot) const { return memory_.get() + slot * kSlotBytes; }
  [[nodiscard]] std::uint64_t offset_at(std::size_t slot) const {
    return load_u48(at(slot) + kHashBytes + 6);
  }
  void clear(std::size_t slot) { store_u48(at(slot) + kHashBytes + 6, kEmpty); }
  // Rises with the hash.
  [[nodiscard]] std::size_t home(const EntityHash& hash) const {
    const std::uint64_t fraction = (hash.high << depth_) >> 32U;
    return static_cast<std::size_t>((fraction * homes_) >> 32U);
  }

  // False when the entries behind it would be pushed out of the array.
  bool try_insert(const EntityHash& hash, const EntityRecord& record) {
    const std::size_t slot = place_of(hash);
    std::size_t free = slot;
    while (free < slots_ && !is_empty(free)) ++free;
    if (free >= slots_) return false;
    std::memmove(at(slot + 1), at(slot), (free - slot) * kSlotBytes);
    std::byte* raw = at(slot);
    store(raw, hash.high);
    store(raw + 8, static_cast<std::uint16_t>(hash.low));
    store(raw + 10, static_cast<std::uint8_t>(hash.low >> 16U));
    set(slot, record);
    ++size_;
    return true;
  }

  void reserve(std::size_t homes) {
    const std::unique_ptr<std::byte[]> old = std::move(memory_);
    const std::size_t old_slots = slots_;
    homes_ = std::max(homes, kLeafSlotsMin);
    slots_ = homes_ + kOverhang;
    memory_ = std::make_unique_for_overwrite<std::byte[]>(slots_ * kSlotBytes);
    for (std::size_t slot = 0; slot < slots_; ++slot) clear(slot);
    std::size_t next = 0;
    for (std::size_t slot = 0; slot < old_slots; ++slot) {
      const std::byte* raw = old.get() + slot * kSlotBytes;
      if (load_u48(raw + kHashBytes + 6) == kEmpty) continue;
      // They come in order: each goes to its home, or right behind the one before it.
      std::size_t to = home({.high = load<std::uint64_t>(raw), .low = 0});
      to = std::max(to, next);
      if (to >= slots_) return reserve_more(old.get(), old_slots);
      std::memcpy(at(to), raw, kSlotBytes);
      next = to + 1;
    }
  }
  // Hashes crowd at the end of the range: seldom.
  void reserve_more(const std::byte* old, std::size_t old_slots) {
    const std::size_t count = size_;
    auto kept = std::make_unique_for_overwrite<std::byte[]>(old_slots * kSlotBytes);
    std::memcpy(kept.get(), old, old_slots * kSlotBytes);
    memory_ = std::move(kept);
    slots_ = old_slots;
    reserve(homes_ + std::max(homes_, count));
  }

  const unsigned depth_;
  std::size_t homes_ = 0;
  std::size_t slots_ = 0;
  std::size_t size_ = 0;
  std::unique_ptr<std::byte[]> memory_{};
};

EntityTable::EntityTable() { by_prefix_.push_back(std::make_shared<Leaf>(0U, kLeafSlotsMin)); }

std::optional<EntityRecord> EntityTable::find(const EntityHash& hash) const {
  const Leaf& leaf = leaf_of(hash);
  const std::size_t slot = leaf.place_of(hash);
  if (!leaf.holds(slot, hash)) return std::nullopt;
  return leaf.record_at(slot);
}

std::optional<EntityRecord> EntityTable::put(const EntityHash& hash, const EntityRecord& newest) {
  BIMIP_ASSERT(newest.offset.value() <= kEntityNumberMax);
  Leaf* leaf = &leaf_of(hash);
  const std::size_t slot = leaf->place_of(hash);
  if (leaf->holds(slot, hash)) {
    const EntityRecord before = leaf->record_at(slot);
    leaf->set(slot, newest);
    return before;
  }
  // Hashes that crowd in one prefix are not parted by longer ones: their sub-table grows.
  while (leaf->size() >= kLeafEntriesMax && (size_ >> leaf->depth()) >= kLeafEntriesMax / 4) {
    split(hash);
    leaf = &leaf_of(hash);
  }
  leaf->insert(hash, newest);
  ++size_;
  return std::nullopt;
}

bool EntityTable::erase(const EntityHash& hash) {
  Leaf& leaf = leaf_of(hash);
  const std::size_t slot = leaf.place_of(hash);
  if (!leaf.holds(slot, hash)) return false;
  leaf.erase(slot);
  --size_;
  return true;
}

void EntityTable::split(const EntityHash& hash) {
  const std::shared_ptr<Leaf> full = by_prefix_[slot_of(hash)];
  if (full->depth() == depth_) {
    std::vector<std::shared_ptr<Leaf>> twice;
    twice.reserve(by_prefix_.size() * 2);
    for (const std::shared_ptr<Leaf>& leaf : by_prefix_) twice.insert(twice.end(), 2, leaf);
    by_prefix_ = std::move(twice);
    ++depth_;
  }
  const unsigned depth = full->depth() + 1;
  const std::size_t homes = full->size() * 5 / 8;
  const std::shared_ptr<Leaf> halves[] = {std::make_shared<Leaf>(depth, homes),
                                          std::make_shared<Leaf>(depth, homes)};
  for (std::size_t slot = 0; slot < full->slots(); ++slot) {
    if (full->is_empty(slot)) continue;
    const EntityHash of = full->hash_at(slot);
    halves[(of.high >> (64U - depth)) & 1U]->insert(of, full->record_at(slot));
  }
  const std::size_t span = std::size_t{1} << (depth_ - full->depth());
  const std::size_t first = slot_of(hash) / span * span;
  for (std::size_t i = 0; i < span; ++i) by_prefix_[first + i] = halves[i * 2 / span];
}

bool EntityTable::evict_near(const EntityHash& hash, Offset end) {
  Leaf& leaf = leaf_of(hash);
  const std::size_t from = std::min(leaf.place_of(hash), leaf.slots() - 1);
  std::optional<std::size_t> coldest;
  for (std::size_t i = 0; i < std::min(kEvictionChoice, leaf.slots()); ++i) {
    const std::size_t slot = (from + i) % leaf.slots();
    if (leaf.is_empty(slot)) continue;
    const EntityRecord record = leaf.record_at(slot);
    if (record.offset >= end) continue;
    if (!coldest || record.offset < leaf.record_at(*coldest).offset) coldest = slot;
  }
  if (!coldest) return false;
  leaf.erase(*coldest);
  --size_;
  return true;
}

std::vector<EntityNewest> EntityTable::list(const EntityHash& from, std::size_t max) const {
  std::vector<EntityNewest> listed;
  for (std::size_t prefix = slot_of(from); prefix < by_prefix_.size() && listed.size() < max;) {
    const Leaf& leaf = *by_prefix_[prefix];
    const std::size_t span = std::size_t{1} << (depth_ - leaf.depth());
    prefix = prefix / span * span;
    const bool first = prefix == slot_of(from) / span * span;
    for (std::size_t slot = first ? leaf.place_of(from) : 0;
         slot < leaf.slots() && listed.size() < max; ++slot) {
      if (leaf.is_empty(slot)) continue;
      listed.push_back({.hash = leaf.hash_at(slot), .newest = leaf.record_at(slot)});
    }
    prefix += span;
  }
  return listed;
}

std::size_t EntityTable::bytes() const {
  std::size_t bytes = by_prefix_.capacity() * sizeof(by_prefix_[0]);
  for (std::size_t prefix = 0; prefix < by_prefix_.size();) {
    const Leaf& leaf = *by_prefix_[prefix];
    bytes += leaf.bytes() + 2 * sizeof(void*);
    prefix += std::size_t{1} << (depth_ - leaf.depth());
  }
  return bytes;
}

}  // namespace bimip::engine
