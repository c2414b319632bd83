#include "engine/format/segment_index.h"

#include "engine/format/codec.h"
#include "engine/format/table.h"

namespace bimip::engine {
namespace {

void write_entry(codec::Writer& out, const IndexEntry& entry) {
  out.number(entry.base_offset);
  out.number(entry.position);
  out.time(entry.last_timestamp_before);
}

// The number of slots for which `before` holds; it holds for a prefix.
template <typename Predicate>
std::size_t partition_point(std::size_t size, Predicate before) {
  std::size_t low = 0;
  while (size > 0) {
    const std::size_t half = size / 2;
    if (before(low + half)) {
      low += half + 1;
      size -= half + 1;
    } else {
      size = half;
    }
  }
  return low;
}

}  // namespace

bool may_follow(const IndexEntry& before, const IndexEntry& entry) {
  return entry.base_offset > before.base_offset && entry.position > before.position &&
         entry.last_timestamp_before >= before.last_timestamp_before;
}

std::vector<std::byte> encode_index(const SegmentIdentity& segment,
                                    std::span<const IndexEntry> entries) {
  codec::Writer out;
  for (const IndexEntry& entry : entries) write_entry(out, entry);
  return encode_table(TableKind::kIndex, segment, out.bytes());
}

Result<IndexView> IndexView::open(const SegmentIdentity& segment, Bytes file) {
  Result<Table> table = decode_table(TableKind::kIndex, segment, file);
  if (!table) return std::unexpected(std::move(table.error()));
  if (table->payload.size() % kIndexEntryBytes != 0)
    return fail(ErrorCode::kDamaged, "the index ends inside an entry");
  const IndexView view(table->payload);
  for (std::size_t i = 1; i < view.size(); ++i) {
    if (!may_follow(view.at(i - 1), view.at(i)))
      return fail(ErrorCode::kDamaged, "the index's entries are out of order");
  }
  return view;
}

std::size_t IndexView::size() const { return entries_.size() / kIndexEntryBytes; }

IndexEntry IndexView::at(std::size_t slot) const {
  const std::byte* entry = entries_.data() + slot * kIndexEntryBytes;
  return {.base_offset = Offset(load<std::uint64_t>(entry)),
          .position = FilePosition(load<std::uint64_t>(entry + 8)),
          .last_timestamp_before = codec::from_micros(load<std::int64_t>(entry + 16))};
}

std::optional<IndexEntry> IndexView::find(Offset target) const {
  const std::size_t after =
      partition_point(size(), [&](std::size_t slot) { return at(slot).base_offset <= target; });
  if (after == 0) return std::nullopt;
  return at(after - 1);
}

std::optional<IndexEntry> IndexView::find(Timestamp target) const {
  const std::size_t after = partition_point(
      size(), [&](std::size_t slot) { return at(slot).last_timestamp_before < target; });
  if (after == 0) return std::nullopt;
  return at(after - 1);
}

}  // namespace bimip::engine
