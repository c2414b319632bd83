// Which records of a stretch of log belong to which entity: derived from the log. Normative page:
// docs/design/format-entities.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/result.h"
#include "engine/format/commit_block.h"
#include "engine/format/entity_hash.h"

namespace bimip::engine {

// The offsets of one directory differ by less than this.
inline constexpr std::uint64_t kDirectorySpanMax = (1ULL << 32U) - 1U;

// One entity's records in a directory. Views the directory's file.
class EntityEntry {
 public:
  [[nodiscard]] const EntityHash& hash() const { return hash_; }
  // The entity's record before the first one here; it need not exist any more.
  [[nodiscard]] std::optional<Offset> previous() const { return previous_; }
  [[nodiscard]] std::size_t size() const { return older_ + 1; }
  [[nodiscard]] EntityRecord newest() const { return newest_; }
  // Oldest first.
  [[nodiscard]] EntityRecord record(std::size_t slot) const;
  // The first slot whose increment is not below `increment`; size() when there is none.
  [[nodiscard]] std::size_t find(IncrementId increment) const;

 private:
  friend class EntityDirectoryView;
  EntityHash hash_{};
  std::optional<Offset> previous_{};
  EntityRecord newest_{};
  Offset base_{};
  std::size_t older_ = 0;
  bool sparse_ = false;
  const std::byte* list_ = nullptr;  // offsets of the older ones, then their increments if sparse
};

// Lookups over a directory as encoded, in place. Immutable; views the file's bytes.
class EntityDirectoryView {
 public:
  // kDamaged when the file is not a directory or contradicts itself; kForeign when of another
  // segment. Costs the file's size.
  [[nodiscard]] static Result<EntityDirectoryView> open(const SegmentIdentity& segment, Bytes file);

  [[nodiscard]] OffsetRange offsets() const { return offsets_; }  // the stretch of log it covers
  [[nodiscard]] const std::vector<LostRecords>& lost() const { return lost_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return entries_.size() + lists_.size(); }
  [[nodiscard]] EntityEntry at(std::size_t slot) const;  // by hash, rising
  [[nodiscard]] std::optional<EntityEntry> find(const EntityHash& hash) const;
  // The first slot whose hash is not below `hash`.
  [[nodiscard]] std::size_t lower_bound(const EntityHash& hash) const;

 private:
  [[nodiscard]] Status check() const;
  [[nodiscard]] EntityHash hash_at(std::size_t slot) const;

  OffsetRange offsets_{};
  std::vector<LostRecords> lost_{};
  std::size_t size_ = 0;
  Bytes entries_{};
  Bytes lists_{};
};

// Makes a directory's file, entity by entity. Thread-compatible.
class EntityDirectoryWriter {
 public:
  explicit EntityDirectoryWriter(OffsetRange offsets);

  // Entities come by rising hash; `records` are of the stretch, oldest first, at least one.
  void add(const EntityHash& hash, std::optional<Offset> previous,
           std::span<const EntityRecord> records);
  void lose(const LostRecords& lost) { lost_.push_back(lost); }
  [[nodiscard]] std::size_t entities() const { return entities_; }
  [[nodiscard]] std::vector<std::byte> finish(const SegmentIdentity& segment) const;

 private:
  [[nodiscard]] std::uint32_t delta(Offset offset) const;

  OffsetRange offsets_;
  std::vector<LostRecords> lost_{};
  std::size_t entities_ = 0;
  EntityHash last_{};
  std::vector<std::byte> entries_{};
  std::vector<std::byte> lists_{};
};

// One directory for `offsets` of several in there that follow one another in the log, given in that
// order.
[[nodiscard]] std::vector<std::byte> merge_directories(
    const SegmentIdentity& segment, std::span<const EntityDirectoryView> directories,
    OffsetRange offsets);

}  // namespace bimip::engine
