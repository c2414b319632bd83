#include "engine/format/entity_directory.h"

#include <algorithm>
#include <queue>

#include "engine/base/assert.h"
#include "engine/format/codec.h"
#include "engine/format/entity_codec.h"
#include "engine/format/table.h"

namespace bimip::engine {
namespace {

using codec::load_entity_hash;
using codec::load_u48;
using codec::store_entity_hash;
using codec::store_u48;

constexpr std::size_t kHeadBytes = 40;
// Within an entry.
constexpr std::size_t kIncrementAt = codec::kEntityHashBytes;
constexpr std::size_t kNewestAt = kIncrementAt + 6;
constexpr std::size_t kLinkAt = kNewestAt + 4;
constexpr std::size_t kEntryBytes = kLinkAt + 6;
static_assert(kEntryBytes == 27);
// Within a list, in words of four bytes.
constexpr std::size_t kWord = 4;
constexpr std::size_t kListHeadWords = 3;
constexpr std::uint32_t kSparse = 1U << 31U;

constexpr std::uint64_t kListFlag = 1ULL << 47U;  // of a link: the rest is a list's place
constexpr std::uint64_t kNone = kListFlag - 1;    // of a link: no previous record
constexpr std::uint64_t kNonePrevious = ~0ULL;    // of a list

std::unexpected<Error> contradicts() {
  return fail(ErrorCode::kDamaged, "the entity directory contradicts itself");
}

std::size_t list_words(std::uint32_t head) {
  const std::size_t older = head & ~kSparse;
  return kListHeadWords + older * ((head & kSparse) != 0 ? 3 : 1);
}

}  // namespace

EntityHash entity_hash(const StoreId& store, Bytes key) {
  const Hash128 hash = xxh3_128(key, codec::seed_of(store));
  return {.high = hash.high, .low = static_cast<std::uint32_t>(hash.low) & kEntityHashLowMax};
}

EntityRecord EntityEntry::record(std::size_t slot) const {
  if (slot == older_) return newest_;
  const std::size_t back = older_ - slot;
  return {.increment = sparse_ ? IncrementId(load<std::uint64_t>(list_ + older_ * kWord + slot * 8))
                               : newest_.increment - back,
          .offset = base_ + load<std::uint32_t>(list_ + slot * kWord)};
}

std::size_t EntityEntry::find(IncrementId increment) const {
  if (increment > newest_.increment) return size();
  if (!sparse_) {
    const std::uint64_t back = newest_.increment - increment;
    return back >= older_ ? 0 : older_ - back;
  }
  std::size_t low = 0;
  std::size_t high = older_;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (record(middle).increment < increment)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

Result<EntityDirectoryView> EntityDirectoryView::open(const SegmentIdentity& segment, Bytes file) {
  Result<Table> table = decode_table(TableKind::kEntities, segment, file);
  if (!table) return std::unexpected(std::move(table.error()));
  codec::Reader in(table->payload);
  EntityDirectoryView view;
  view.offsets_.first = in.number<Offset>();
  view.offsets_.end = in.number<Offset>();
  const std::uint64_t entities = in.u64();
  const std::uint64_t words = in.u64();
  const std::uint64_t lost = in.u64();
  const std::uint64_t rest = in.rest().size();
  if (!in.ok() || lost > rest / codec::kLostRecordsBytes || entities > rest / kEntryBytes ||
      words > rest / kWord ||
      lost * codec::kLostRecordsBytes + entities * kEntryBytes + words * kWord != rest) {
    return fail(ErrorCode::kDamaged, "the entity directory has another length than it says");
  }
  const Bytes body = in.rest();
  for (std::size_t i = 0; i < lost; ++i)
    view.lost_.push_back(codec::load_lost(body.data() + i * codec::kLostRecordsBytes));
  view.size_ = entities;
  view.entries_ = body.subspan(lost * codec::kLostRecordsBytes, entities * kEntryBytes);
  view.lists_ = body.last(words * kWord);
  if (Status good = view.check(); !good) return std::unexpected(std::move(good.error()));
  return view;
}

// Every entity behind the one before it, every record of the stretch behind the one before it,
// every list used once and in order.
Status EntityDirectoryView::check() const {
  if (offsets_.end < offsets_.first || offsets_.end - offsets_.first > kDirectorySpanMax ||
      !codec::are_sound(lost_, offsets_))
    return contradicts();
  std::size_t list_end = 0;
  EntityHash before{};
  for (std::size_t slot = 0; slot < size_; ++slot) {
    const std::byte* raw = entries_.data() + slot * kEntryBytes;
    const std::uint64_t link = load_u48(raw + kLinkAt);
    if ((link & kListFlag) != 0) {
      const std::size_t place = (link & ~kListFlag) * kWord;
      if (place != list_end || lists_.size() - place < kListHeadWords * kWord) return contradicts();
      const auto head = load<std::uint32_t>(lists_.data() + place);
      const std::size_t words = list_words(head);
      if ((head & ~kSparse) == 0 || (lists_.size() - place) / kWord < words) return contradicts();
      list_end += words * kWord;
    }
    const EntityEntry entry = at(slot);
    if (slot > 0 && entry.hash_ <= before) return contradicts();
    before = entry.hash_;
    std::optional<EntityRecord> last;
    bool dense = true;
    if (!entry.sparse_ && entry.newest_.increment.value() <= entry.older_) return contradicts();
    for (std::size_t i = 0; i < entry.size(); ++i) {
      const EntityRecord record = entry.record(i);
      if (record.increment == IncrementId(0) || record.offset < offsets_.first ||
          record.offset >= offsets_.end ||
          (last && (record.increment <= last->increment || record.offset <= last->offset)))
        return contradicts();
      if (!last && entry.previous_ && *entry.previous_ >= record.offset) return contradicts();
      dense = dense && (!last || record.increment == last->increment + 1);
      last = record;
    }
    if (entry.sparse_ == dense) return contradicts();
  }
  return list_end == lists_.size() ? Status{} : contradicts();
}

EntityHash EntityDirectoryView::hash_at(std::size_t slot) const {
  return load_entity_hash(entries_.data() + slot * kEntryBytes);
}

EntityEntry EntityDirectoryView::at(std::size_t slot) const {
  const std::byte* raw = entries_.data() + slot * kEntryBytes;
  EntityEntry entry;
  entry.hash_ = load_entity_hash(raw);
  entry.base_ = offsets_.first;
  entry.newest_ = {.increment = IncrementId(load_u48(raw + kIncrementAt)),
                   .offset = offsets_.first + load<std::uint32_t>(raw + kNewestAt)};
  const std::uint64_t link = load_u48(raw + kLinkAt);
  if ((link & kListFlag) == 0) {
    if (link != kNone) entry.previous_ = Offset(link);
    return entry;
  }
  const std::byte* list = lists_.data() + (link & ~kListFlag) * kWord;
  const auto head = load<std::uint32_t>(list);
  const auto previous = load<std::uint64_t>(list + kWord);
  if (previous != kNonePrevious) entry.previous_ = Offset(previous);
  entry.older_ = head & ~kSparse;
  entry.sparse_ = (head & kSparse) != 0;
  entry.list_ = list + kListHeadWords * kWord;
  return entry;
}

std::size_t EntityDirectoryView::lower_bound(const EntityHash& hash) const {
  return codec::hash_lower_bound(size_, hash, [this](std::size_t slot) { return hash_at(slot); });
}

std::optional<EntityEntry> EntityDirectoryView::find(const EntityHash& hash) const {
  const std::size_t slot = lower_bound(hash);
  if (slot == size_ || hash_at(slot) != hash) return std::nullopt;
  return at(slot);
}

EntityDirectoryWriter::EntityDirectoryWriter(OffsetRange offsets) : offsets_(offsets) {
  BIMIP_ASSERT(offsets.first <= offsets.end && offsets.end - offsets.first <= kDirectorySpanMax);
}

std::uint32_t EntityDirectoryWriter::delta(Offset offset) const {
  BIMIP_ASSERT(offset >= offsets_.first && offset < offsets_.end);
  return static_cast<std::uint32_t>(offset - offsets_.first);
}

void EntityDirectoryWriter::add(const EntityHash& hash, std::optional<Offset> previous,
                                std::span<const EntityRecord> records) {
  BIMIP_ASSERT(!records.empty() && (entities_ == 0 || hash > last_));
  ++entities_;
  last_ = hash;
  const EntityRecord& newest = records.back();
  const std::span<const EntityRecord> older = records.first(records.size() - 1);
  std::array<std::byte, kEntryBytes> entry;
  store_entity_hash(entry.data(), hash);
  store_u48(entry.data() + kIncrementAt, newest.increment.value());
  store(entry.data() + kNewestAt, delta(newest.offset));
  std::uint64_t link = previous ? previous->value() : kNone;
  if (!older.empty()) {
    link = kListFlag | (lists_.size() / kWord);
    const bool sparse = newest.increment - records.front().increment != older.size();
    ByteWriter out(lists_);
    out.write(static_cast<std::uint32_t>(older.size()) | (sparse ? kSparse : 0U));
    out.write(previous ? previous->value() : kNonePrevious);
    for (const EntityRecord& record : older) out.write(delta(record.offset));
    if (sparse) {
      for (const EntityRecord& record : older) out.write(record.increment.value());
    }
  }
  store_u48(entry.data() + kLinkAt, link);
  entries_.insert(entries_.end(), entry.begin(), entry.end());
}

std::vector<std::byte> EntityDirectoryWriter::finish(const SegmentIdentity& segment) const {
  std::vector<std::byte> payload;
  payload.reserve(kHeadBytes + lost_.size() * codec::kLostRecordsBytes + entries_.size() +
                  lists_.size());
  ByteWriter out(payload);
  out.write(offsets_.first.value());
  out.write(offsets_.end.value());
  out.write(std::uint64_t{entities_});
  out.write(std::uint64_t{lists_.size() / kWord});
  out.write(std::uint64_t{lost_.size()});
  for (const LostRecords& lost : lost_) codec::write_lost(out, lost);
  out.write_bytes(entries_);
  out.write_bytes(lists_);
  return encode_table(TableKind::kEntities, segment, payload);
}

std::vector<std::byte> merge_directories(const SegmentIdentity& segment,
                                         std::span<const EntityDirectoryView> directories,
                                         OffsetRange offsets) {
  EntityDirectoryWriter out(offsets);
  // The next entity of each, lowest hash first and of one hash the oldest directory first.
  struct Head {
    EntityHash hash;
    std::size_t directory;
    std::size_t slot;
    auto operator<=>(const Head&) const = default;
  };
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
  for (std::size_t i = 0; i < directories.size(); ++i) {
    for (const LostRecords& lost : directories[i].lost()) out.lose(lost);
    if (directories[i].size() > 0)
      heads.push({.hash = directories[i].at(0).hash(), .directory = i, .slot = 0});
  }
  std::vector<EntityRecord> records;
  while (!heads.empty()) {
    const EntityHash hash = heads.top().hash;
    std::optional<Offset> previous;
    records.clear();
    while (!heads.empty() && heads.top().hash == hash) {
      Head head = heads.top();
      heads.pop();
      const EntityDirectoryView& from = directories[head.directory];
      const EntityEntry entry = from.at(head.slot);
      if (records.empty()) previous = entry.previous();
      for (std::size_t i = 0; i < entry.size(); ++i) records.push_back(entry.record(i));
      if (++head.slot < from.size()) {
        head.hash = from.at(head.slot).hash();
        heads.push(head);
      }
    }
    out.add(hash, previous, records);
  }
  return out.finish(segment);
}

}  // namespace bimip::engine
