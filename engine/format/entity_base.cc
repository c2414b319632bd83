#include "engine/format/entity_base.h"

#include <algorithm>
#include <bit>

#include "engine/base/assert.h"
#include "engine/format/codec.h"
#include "engine/format/entity_codec.h"

namespace bimip::engine {
namespace {

// Header page.
constexpr std::size_t kMagicAt = 16;
constexpr std::size_t kVersionAt = 20;
constexpr std::size_t kLostCountAt = 22;
constexpr std::size_t kIdentityAt = 24;
constexpr std::size_t kGenerationAt = 56;
constexpr std::size_t kEndOffsetAt = 64;
constexpr std::size_t kEntitiesAt = 72;
constexpr std::size_t kLostAt = 80;
static_assert(kLostAt + kBaseLostMax * codec::kLostRecordsBytes <= kEntityPageBytes);

// Page of entries.
constexpr std::size_t kPageNumberAt = 16;
constexpr std::size_t kPageGenerationAt = 24;
constexpr std::size_t kCountAt = 32;
constexpr std::size_t kEntriesAt = 34;
constexpr std::size_t kEntryBytes = codec::kEntityHashBytes + 6 + 6;
static_assert(kEntriesAt + kEntitiesPerPage * kEntryBytes <= kEntityPageBytes);
static_assert(kEntriesAt + (kEntitiesPerPage + 1) * kEntryBytes > kEntityPageBytes);

Hash128 checksum_of(Bytes page, const StoreId& store) {
  return xxh3_128(page.subspan(kMagicAt), codec::seed_of(store));
}

bool all_zero_from(Bytes bytes, std::size_t from) {
  return std::ranges::all_of(bytes.subspan(from), [](std::byte b) { return b == std::byte{0}; });
}

// One range that is missing whatever any of these is.
LostRecords joined(const LostRecords& a, const LostRecords& b) {
  return {.offsets = {.first = std::min(a.offsets.first, b.offsets.first),
                      .end = std::max(a.offsets.end, b.offsets.end)},
          .first = std::min(a.first, b.first),
          .last = std::max(a.last, b.last)};
}

}  // namespace

void encode_entity_base_header(const EntityBaseHeader& header, MutableBytes page) {
  BIMIP_ASSERT(page.size() == kEntityPageBytes && header.lost.size() <= kBaseLostMax);
  std::ranges::fill(page, std::byte{0});
  store(page.data() + kMagicAt, kEntityBaseMagic);
  store(page.data() + kVersionAt, kEntityBaseVersion);
  store(page.data() + kLostCountAt, static_cast<std::uint16_t>(header.lost.size()));
  codec::store_identity(page.data() + kIdentityAt, header.partition);
  store(page.data() + kGenerationAt, header.generation);
  store(page.data() + kEndOffsetAt, header.end_offset.value());
  store(page.data() + kEntitiesAt, header.entities);
  for (std::size_t i = 0; i < header.lost.size(); ++i)
    codec::store_lost(page.data() + kLostAt + i * codec::kLostRecordsBytes, header.lost[i]);
  codec::store_wide(page.data(), checksum_of(page, header.partition.store));
}

Result<EntityBaseHeader> decode_entity_base_header(const SegmentIdentity& partition, Bytes page) {
  Result<EntityBaseHeader> header = decode_entity_base_header(page);
  if (header && header->partition != partition) {
    return fail(ErrorCode::kForeign,
                "the entities are of another " + codec::difference(header->partition, partition));
  }
  return header;
}

Result<EntityBaseHeader> decode_entity_base_header(Bytes page) {
  if (page.size() < kEntityPageBytes) return fail(ErrorCode::kDamaged, "too short for entities");
  page = page.first(kEntityPageBytes);
  if (load<std::uint32_t>(page.data() + kMagicAt) != kEntityBaseMagic)
    return fail(ErrorCode::kDamaged, "not a file of entities");
  EntityBaseHeader header;
  header.partition = codec::load_identity(page.data() + kIdentityAt);
  if (checksum_of(page, header.partition.store) != codec::load_wide<Hash128>(page.data()))
    return fail(ErrorCode::kDamaged, "the entities' header fails its checksum");
  const auto version = load<std::uint16_t>(page.data() + kVersionAt);
  if (version != kEntityBaseVersion) {
    return fail(ErrorCode::kUnsupportedVersion,
                "the entities are of format version " + std::to_string(version) +
                    "; this program knows version " + std::to_string(kEntityBaseVersion));
  }
  header.generation = load<std::uint64_t>(page.data() + kGenerationAt);
  header.end_offset = Offset(load<std::uint64_t>(page.data() + kEndOffsetAt));
  header.entities = load<std::uint64_t>(page.data() + kEntitiesAt);
  const auto lost = load<std::uint16_t>(page.data() + kLostCountAt);
  if (lost > kBaseLostMax) return fail(ErrorCode::kDamaged, "the entities' header is impossible");
  for (std::size_t i = 0; i < lost; ++i)
    header.lost.push_back(codec::load_lost(page.data() + kLostAt + i * codec::kLostRecordsBytes));
  if (header.entities > header.end_offset.value() || header.end_offset.value() > kEntityNumberMax ||
      !codec::are_sound(header.lost, {.first = Offset(0), .end = header.end_offset}) ||
      !all_zero_from(page, kLostAt + lost * codec::kLostRecordsBytes))
    return fail(ErrorCode::kDamaged, "the entities' header is impossible");
  return header;
}

Result<EntityPage> EntityPage::open(const EntityBaseHeader& header, std::uint64_t number,
                                    Bytes page) {
  const auto damaged = [number](const char* why) {
    return fail(ErrorCode::kDamaged, "page " + std::to_string(number) + " of the entities " + why);
  };
  if (page.size() < kEntityPageBytes) return damaged("is cut short");
  page = page.first(kEntityPageBytes);
  if (checksum_of(page, header.partition.store) != codec::load_wide<Hash128>(page.data()))
    return damaged("fails its checksum");
  if (load<std::uint64_t>(page.data() + kPageNumberAt) != number ||
      load<std::uint64_t>(page.data() + kPageGenerationAt) != header.generation)
    return damaged("is another page");
  EntityPage opened;
  opened.size_ = load<std::uint16_t>(page.data() + kCountAt);
  const std::uint64_t first = number * kEntitiesPerPage;
  if (number >= header.pages() ||
      opened.size_ != std::min<std::uint64_t>(kEntitiesPerPage, header.entities - first) ||
      !all_zero_from(page, kEntriesAt + opened.size_ * kEntryBytes))
    return damaged("contradicts itself");
  opened.entries_ = page.subspan(kEntriesAt, opened.size_ * kEntryBytes);
  for (std::size_t slot = 0; slot < opened.size_; ++slot) {
    const EntityNewest entity = opened.at(slot);
    if (entity.newest.increment == IncrementId(0) ||
        entity.newest.increment.value() > kEntityNumberMax ||
        entity.newest.offset >= header.end_offset ||
        (slot > 0 && entity.hash <= opened.at(slot - 1).hash))
      return damaged("contradicts itself");
  }
  return opened;
}

EntityNewest EntityPage::at(std::size_t slot) const {
  const std::byte* raw = entries_.data() + slot * kEntryBytes;
  return {.hash = codec::load_entity_hash(raw),
          .newest = {.increment = IncrementId(codec::load_u48(raw + codec::kEntityHashBytes)),
                     .offset = Offset(codec::load_u48(raw + codec::kEntityHashBytes + 6))}};
}

Result<EntityBaseView> EntityBaseView::open(const SegmentIdentity& partition, Bytes file) {
  Result<EntityBaseHeader> header = decode_entity_base_header(partition, file);
  if (!header) return std::unexpected(std::move(header.error()));
  if (header->file_bytes() != file.size())
    return fail(ErrorCode::kDamaged, "the file of entities has another length than it says");
  EntityBaseView view;
  view.header_ = std::move(*header);
  view.pages_ = file.subspan(kEntityPageBytes);
  return view;
}

Result<EntityPage> EntityBaseView::page(std::uint64_t number) const {
  return EntityPage::open(header_, number,
                          pages_.subspan(number * kEntityPageBytes, kEntityPageBytes));
}

Result<std::optional<EntityNewest>> EntityBaseView::find(const EntityHash& hash) const {
  if (header_.entities == 0) return std::nullopt;
  // The page is found by first hashes as they lie, and then believed only as far as its checksum
  // and its neighbour's hold.
  const auto first_of = [this](std::size_t number) {
    return codec::load_entity_hash(pages_.data() + number * kEntityPageBytes + kEntriesAt);
  };
  const std::size_t after = codec::hash_lower_bound(header_.pages(), hash, first_of);
  const std::size_t number =
      after > 0 && (after == header_.pages() || first_of(after) != hash) ? after - 1 : after;
  Result<EntityPage> here = page(number);
  if (!here) return std::unexpected(std::move(here.error()));
  const std::size_t slot =
      codec::hash_lower_bound(here->size(), hash, [&](std::size_t i) { return here->at(i).hash; });
  if (slot < here->size() && here->at(slot).hash == hash) return here->at(slot);
  const bool misled = slot == 0 && number > 0;
  if (slot == here->size() && number + 1 < header_.pages()) {
    Result<EntityPage> next = page(number + 1);
    if (!next) return std::unexpected(std::move(next.error()));
    if (next->at(0).hash > hash) return std::nullopt;
  } else if (!misled) {
    return std::nullopt;
  }
  return fail(ErrorCode::kDamaged, "a damaged page leads past those of the entity");
}

std::pair<EntityHash, EntityHash> EntityBaseView::hashes_of(std::uint64_t number) const {
  std::pair<EntityHash, EntityHash> hashes{{}, kEntityHashMax};
  if (number > 0) {
    if (Result<EntityPage> before = page(number - 1)) {
      hashes.first = before->at(before->size() - 1).hash;
    }
  }
  if (number + 1 < header_.pages()) {
    if (Result<EntityPage> after = page(number + 1)) hashes.second = after->at(0).hash;
  }
  return hashes;
}

LostRecords EntityBaseView::lost_with(std::uint64_t number) const {
  const auto [first, last] = hashes_of(number);
  return {.offsets = {.first = Offset(0), .end = header_.end_offset}, .first = first, .last = last};
}

EntityBaseWriter::EntityBaseWriter(EntityBaseHeader header) : header_(std::move(header)) {
  header_.entities = 0;
}

void EntityBaseWriter::add(const EntityNewest& entity) {
  BIMIP_ASSERT(header_.entities == 0 || entity.hash > last_);
  BIMIP_ASSERT(entity.newest.increment != IncrementId(0) &&
               entity.newest.offset < header_.end_offset);
  last_ = entity.hash;
  ++header_.entities;
  page_.push_back(entity);
  if (page_.size() == kEntitiesPerPage) close_page();
}

void EntityBaseWriter::lose(const LostRecords& lost) {
  if (std::ranges::find(header_.lost, lost) != header_.lost.end()) return;
  if (header_.lost.size() < kBaseLostMax)
    header_.lost.push_back(lost);
  else
    header_.lost.back() = joined(header_.lost.back(), lost);
}

void EntityBaseWriter::close_page() {
  const std::size_t at = out_.size();
  out_.resize(at + kEntityPageBytes);
  const MutableBytes page = MutableBytes(out_).subspan(at);
  store(page.data() + kPageNumberAt, next_page_++);
  store(page.data() + kPageGenerationAt, header_.generation);
  store(page.data() + kCountAt, static_cast<std::uint16_t>(page_.size()));
  std::byte* to = page.data() + kEntriesAt;
  for (const EntityNewest& entity : page_) {
    codec::store_entity_hash(to, entity.hash);
    codec::store_u48(to + codec::kEntityHashBytes, entity.newest.increment.value());
    codec::store_u48(to + codec::kEntityHashBytes + 6, entity.newest.offset.value());
    to += kEntryBytes;
  }
  codec::store_wide(page.data(), checksum_of(page, header_.partition.store));
  page_.clear();
}

std::vector<std::byte> EntityBaseWriter::take_pages() { return std::exchange(out_, {}); }

EntityBaseWriter::Finished EntityBaseWriter::finish() {
  if (!page_.empty()) close_page();
  Finished finished{.header = header_,
                    .header_page = std::vector<std::byte>(kEntityPageBytes),
                    .last_pages = take_pages()};
  encode_entity_base_header(header_, finished.header_page);
  return finished;
}

}  // namespace bimip::engine
