// The newest record of every entity that ever had one below some offset, also when all its records
// are gone: the one derived file that cannot be made again once segments were dropped. Normative
// page: docs/design/format-entities.md.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "engine/base/result.h"
#include "engine/format/commit_block.h"
#include "engine/format/entity_hash.h"

namespace bimip::engine {

inline constexpr std::size_t kEntityPageBytes = 4096;
inline constexpr std::size_t kEntitiesPerPage = 176;
inline constexpr std::uint32_t kEntityBaseMagic = 0x42454D42;  // "BMEB"
inline constexpr std::uint16_t kEntityBaseVersion = 1;
// Further lost ranges are joined with those that are there.
inline constexpr std::size_t kBaseLostMax = 64;

struct EntityNewest {
  EntityHash hash{};
  EntityRecord newest{};
  friend bool operator==(const EntityNewest&, const EntityNewest&) = default;
};

struct EntityBaseHeader {
  SegmentIdentity partition{};   // its epoch is zero
  std::uint64_t generation = 0;  // one more each time it is written
  Offset end_offset{};           // every record below it was counted in
  std::uint64_t entities = 0;
  std::vector<LostRecords> lost{};  // at most kBaseLostMax
  friend bool operator==(const EntityBaseHeader&, const EntityBaseHeader&) = default;

  [[nodiscard]] std::uint64_t pages() const {
    return (entities + kEntitiesPerPage - 1) / kEntitiesPerPage;
  }
  [[nodiscard]] std::uint64_t file_bytes() const { return (pages() + 1) * kEntityPageBytes; }
};

// `page` is kEntityPageBytes long. Decoding: kDamaged, kUnsupportedVersion, kForeign.
void encode_entity_base_header(const EntityBaseHeader& header, MutableBytes page);
[[nodiscard]] Result<EntityBaseHeader> decode_entity_base_header(const SegmentIdentity& partition,
                                                                 Bytes page);
// Whichever partition it is of.
[[nodiscard]] Result<EntityBaseHeader> decode_entity_base_header(Bytes page);

// One page of entries: all pages but the last are full.
class EntityPage {
 public:
  // kDamaged when it is not the page of this number of the file with this header.
  [[nodiscard]] static Result<EntityPage> open(const EntityBaseHeader& header, std::uint64_t number,
                                               Bytes page);
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] EntityNewest at(std::size_t slot) const;

 private:
  Bytes entries_{};
  std::size_t size_ = 0;
};

// Lookups over a whole file as it lies, page by page. Immutable; views the file's bytes. A damaged
// page costs its own entities and no others.
class EntityBaseView {
 public:
  // Checks the header and the length, not the pages.
  [[nodiscard]] static Result<EntityBaseView> open(const SegmentIdentity& partition, Bytes file);

  [[nodiscard]] const EntityBaseHeader& header() const { return header_; }
  // kDamaged when the page where it should be is.
  [[nodiscard]] Result<std::optional<EntityNewest>> find(const EntityHash& hash) const;
  [[nodiscard]] Result<EntityPage> page(std::uint64_t number) const;
  // Between which hashes the entities of a page lie, as far as its neighbours tell.
  [[nodiscard]] std::pair<EntityHash, EntityHash> hashes_of(std::uint64_t number) const;
  // What may be missing because page `number` is damaged.
  [[nodiscard]] LostRecords lost_with(std::uint64_t number) const;

 private:
  EntityBaseHeader header_{};
  Bytes pages_{};
};

// Makes the file's pages, in hash order. Thread-compatible.
class EntityBaseWriter {
 public:
  // `generation` and `partition` of the header to come.
  explicit EntityBaseWriter(EntityBaseHeader header);

  // By rising hash.
  void add(const EntityNewest& entity);
  void lose(const LostRecords& lost);
  [[nodiscard]] std::size_t pending_bytes() const { return out_.size(); }
  // Whole pages so far, without the header; the caller has written those it took before.
  [[nodiscard]] std::vector<std::byte> take_pages();
  // The last page and the header, which goes first in the file.
  struct Finished {
    EntityBaseHeader header;
    std::vector<std::byte> header_page;
    std::vector<std::byte> last_pages;
  };
  [[nodiscard]] Finished finish();

 private:
  void close_page();

  EntityBaseHeader header_;
  std::vector<std::byte> out_{};
  std::vector<EntityNewest> page_{};
  EntityHash last_{};
  std::uint64_t next_page_ = 0;
};

}  // namespace bimip::engine
