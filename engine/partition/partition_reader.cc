#include "engine/partition/partition_reader.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/format/file_names.h"
#include "engine/segment/block_reader.h"

namespace bimip::engine {

void PartitionReader::reset(const Manifest& manifest, std::shared_ptr<const ActiveSegment> active,
                            Offset end) {
  parts_.ahead.drop(partition_.topic, partition_.partition);
  const MutexLock lock(mutex_);
  segments_.clear();
  for (const ManifestSegment& segment : manifest.segments) {
    if (segment.state == SegmentState::kSealed) segments_.push_back(known_sealed(segment));
  }
  segments_.push_back({.base = active->base_offset(), .open = active, .place = {}});
  start_.store(manifest.log_start.value(), std::memory_order_release);
  advance(end, end);
}

void PartitionReader::rolled(std::shared_ptr<const ActiveSegment> active) {
  const MutexLock lock(mutex_);
  segments_.push_back({.base = active->base_offset(), .open = active, .place = {}});
}

void PartitionReader::sealed(const ManifestSegment& segment) {
  const MutexLock lock(mutex_);
  const auto here = std::ranges::find(segments_, segment.base_offset, &Known::base);
  BIMIP_ASSERT(here != segments_.end());
  *here = known_sealed(segment);
}

void PartitionReader::replaced(std::span<const ManifestSegment> sources,
                               const ManifestSegment& rewritten) {
  {
    const MutexLock lock(mutex_);
    const auto here = std::ranges::find(segments_, rewritten.base_offset, &Known::base);
    BIMIP_ASSERT(here != segments_.end());
    *here = known_sealed(rewritten);
    segments_.erase(here + 1, here + static_cast<std::ptrdiff_t>(sources.size()));
  }
  forget(sources);
}

void PartitionReader::moved_start(Offset start, std::span<const ManifestSegment> gone) {
  {
    const MutexLock lock(mutex_);
    start_.store(start.value(), std::memory_order_release);
    segments_.erase(segments_.begin(),
                    segments_.begin() + static_cast<std::ptrdiff_t>(gone.size()));
  }
  forget(gone);
}

void PartitionReader::forget(std::span<const ManifestSegment> segments) {
  for (const ManifestSegment& segment : segments) forget(known_sealed(segment).place.segment);
}

void PartitionReader::forget(const SegmentIdentity& segment) const {
  parts_.sealed.forget(segment);
  parts_.ahead.forget(segment);
}

PartitionReader::Known PartitionReader::known_sealed(const ManifestSegment& segment) const {
  SegmentIdentity identity = partition_;
  identity.epoch = segment.epoch;
  return {.base = segment.base_offset,
          .last_timestamp = segment.last_timestamp,
          .open = nullptr,
          .place = {.folder = folder_,
                    .segment = identity,
                    .base_offset = segment.base_offset,
                    .end_offset = segment.end_offset,
                    .file_bytes = segment.file_bytes}};
}

LogBounds PartitionReader::bounds() const {
  return {.start = Offset(start_.load(std::memory_order_acquire)),
          .visible_end = Offset(visible_.load(std::memory_order_acquire)),
          .durable_end = Offset(durable_.load(std::memory_order_acquire))};
}

std::vector<SealedPlace> PartitionReader::sealed_segments() const {
  std::vector<SealedPlace> sealed;
  const MutexLock lock(mutex_);
  for (const Known& known : segments_) {
    if (!known.open)
      sealed.push_back({.place = known.place, .last_timestamp = known.last_timestamp});
  }
  return sealed;
}

std::optional<Result<RecordBatch>> PartitionReader::read_memory(Offset from,
                                                                std::size_t bytes_max) const {
  const LogBounds now = bounds();
  if (from < now.start || from > now.visible_end) return std::unexpected(out_of_range(from));
  if (from == now.visible_end) return RecordBatch({}, {.first = from, .end = from}, {});
  std::vector<BlockRef> blocks = parts_.tail.find(
      partition_.topic, partition_.partition, {.first = from, .end = now.visible_end}, bytes_max);
  if (blocks.empty()) return std::nullopt;
  const Offset end = blocks.back()->header.end_offset();
  return RecordBatch(std::move(blocks), {.first = from, .end = end}, parts_.clock.now());
}

Error PartitionReader::out_of_range(Offset offset) const {
  const LogBounds now = bounds();
  return {ErrorCode::kOutOfRange,
          "offset " + std::to_string(offset.value()) + " is outside [" +
              std::to_string(now.start.value()) + ", " + std::to_string(now.visible_end.value()) +
              ")",
          {.first = now.start, .end = now.visible_end}};
}

std::optional<PartitionReader::Known> PartitionReader::segment_of(Offset offset) const {
  const MutexLock lock(mutex_);
  const auto next = std::ranges::upper_bound(segments_, offset, {}, &Known::base);
  if (next == segments_.begin()) return std::nullopt;
  return *std::prev(next);
}

std::optional<PartitionReader::Known> PartitionReader::segment_of(Timestamp time) const {
  const MutexLock lock(mutex_);
  const auto first = std::ranges::find_if(segments_, [&](const Known& segment) {
    return segment.open != nullptr || segment.last_timestamp >= time;
  });
  if (first == segments_.end()) return std::nullopt;
  return *first;
}

Offset PartitionReader::end_of(const Known& segment) const {
  const MutexLock lock(mutex_);
  const auto next = std::ranges::upper_bound(segments_, segment.base, {}, &Known::base);
  return next == segments_.end() ? Offset(visible_.load(std::memory_order_acquire)) : next->base;
}

Result<std::shared_ptr<const Segment>> PartitionReader::open(const Known& known) const {
  if (known.open) return known.open;
  return parts_.sealed.open(known.place);
}

bool PartitionReader::is_listed(const Known& known) const {
  const MutexLock lock(mutex_);
  return std::ranges::any_of(segments_, [&](const Known& other) {
    return other.base == known.base && other.place.segment.epoch == known.place.segment.epoch;
  });
}

// The segment that holds the offset, as it is listed once it is open; nothing when none does any
// more. A segment that was replaced or removed meanwhile is let go, so that its file can be freed.
std::optional<PartitionReader::Opened> PartitionReader::open_at(Offset offset) const {
  while (true) {
    std::optional<Known> known = segment_of(offset);
    if (!known) return std::nullopt;
    Result<std::shared_ptr<const Segment>> segment = open(*known);
    if (known->open || is_listed(*known))
      return Opened{.known = std::move(*known), .segment = std::move(segment)};
    forget(known->place.segment);
  }
}

Result<std::shared_ptr<const Segment>> PartitionReader::segment_at(Offset offset) const {
  std::optional<Opened> opened = open_at(offset);
  if (!opened) return fail(ErrorCode::kOutOfRange, "the offset is before the first segment");
  Result<std::shared_ptr<const Segment>>& segment = opened->segment;
  if (!segment && segment.error().code != ErrorCode::kIo) {
    return fail(ErrorCode::kDamaged, std::move(segment.error().message),
                {.first = opened->known.base, .end = end_of(opened->known)});
  }
  return segment;
}

Result<std::shared_ptr<const BaseFile>> PartitionReader::entity_base() const {
  return BaseFile::open(parts_.sealed.device(), folder_, partition_);
}

std::vector<OffsetRange> PartitionReader::segments() const {
  std::vector<OffsetRange> ranges;
  const MutexLock lock(mutex_);
  Offset end(visible_.load(std::memory_order_acquire));
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    ranges.push_back({.first = segment->base, .end = std::max(segment->base, end)});
    end = segment->base;
  }
  return ranges;
}

Result<RecordBatch> PartitionReader::read_disk(Offset from, std::size_t bytes_max) const {
  if (auto answer = read_memory(from, bytes_max)) return std::move(*answer);
  std::optional<Opened> opened = open_at(from);
  if (!opened || from < bounds().start) return std::unexpected(out_of_range(from));
  const Offset end = std::min(end_of(opened->known), bounds().visible_end);
  const OffsetRange wanted{.first = from, .end = end};
  Result<std::shared_ptr<const Segment>>& segment = opened->segment;
  if (!segment) {
    // A sealed segment that is not what it should be is a hole as long as the segment; the rest of
    // the log stays readable.
    Error& error = segment.error();
    if (error.code == ErrorCode::kIo || is_shortage(error))
      return std::unexpected(std::move(error));
    return fail(ErrorCode::kDamaged, std::move(error.message), wanted);
  }
  return read_segment(**segment,
                      {.range = wanted, .bytes_max = bytes_max, .is_sealed = !opened->known.open});
}

// A segment whose writer has given the file back. It may take it again, go on, and the name may be
// gone before it is opened here; then the segment has its file.
Result<std::shared_ptr<const File>> PartitionReader::file_of(const Segment& segment) const {
  if (std::shared_ptr<const File> open = segment.file()) return open;
  Result<std::shared_ptr<File>> file =
      parts_.sealed.open_file(folder_ / file_names::segment(segment.identity().epoch));
  if (file) return *file;
  if (std::shared_ptr<const File> open = segment.file()) return open;
  if (is_shortage(file.error())) return std::unexpected(std::move(file.error()));
  return fail(ErrorCode::kIo, std::move(file.error().message));
}

Result<RecordBatch> PartitionReader::read_segment(const Segment& segment,
                                                  const Wanted& wanted) const {
  if (wanted.is_sealed) {
    std::vector<BlockRef> known =
        parts_.ahead.find(segment.identity(), wanted.range, wanted.bytes_max);
    if (!known.empty()) return batch_of(segment, std::move(known), wanted);
  }
  const IndexEntry start = segment.find(wanted.range.first);
  Result<std::shared_ptr<const File>> file = file_of(segment);
  if (!file) return std::unexpected(std::move(file.error()));
  const bool is_ahead =
      wanted.is_sealed && parts_.ahead.is_worth_it(place_of(segment, start, wanted.range.first));
  BlockReader reader = reader_at(segment, start, std::move(*file), is_ahead);
  Result<std::vector<BlockRef>> blocks = read_blocks(reader, start.base_offset, wanted);
  if (!blocks) return std::unexpected(std::move(blocks.error()));
  if (is_ahead) keep_ahead(segment, reader, *blocks);
  return batch_of(segment, std::move(*blocks), wanted);
}

// What cannot be read is met again by who comes there.
void PartitionReader::read_on(Offset offset) const {
  const std::optional<Offset> next =
      parts_.ahead.piece_end(partition_.topic, partition_.partition, offset);
  if (!next || *next >= bounds().visible_end) return;
  const std::optional<Opened> opened = open_at(*next);
  if (!opened || !opened->segment || opened->known.open) return;
  const Segment& segment = **opened->segment;
  const IndexEntry start = segment.find(*next);
  Result<std::shared_ptr<const File>> file = file_of(segment);
  if (!file) return;
  ReadAhead::Place place = place_of(segment, start, *next);
  place.goes_on = true;
  if (!parts_.ahead.begin_piece(place)) return;
  BlockReader reader = reader_at(segment, start, std::move(*file), true);
  Result<std::vector<BlockRef>> blocks = read_blocks(
      reader, start.base_offset,
      {.range = {.first = *next, .end = end_of(opened->known)}, .bytes_max = 1, .is_sealed = true});
  if (blocks) keep_ahead(segment, reader, std::move(*blocks));
  parts_.ahead.end_piece(place);
}

ReadAhead::Place PartitionReader::place_of(const Segment& segment, const IndexEntry& start,
                                           Offset from) {
  return {.segment = segment.identity(),
          .goes_on = from == segment.base_offset(),
          .from = from,
          .position = start.position,
          .segment_end = segment.end()};
}

BlockReader PartitionReader::reader_at(const Segment& segment, const IndexEntry& start,
                                       std::shared_ptr<const File> file, bool is_ahead) const {
  return {{.file = std::move(file),
           .segment = segment.identity(),
           .from = start.position,
           .end = segment.end(),
           .through = is_ahead ? ReadThrough::kDevice : ReadThrough::kCache,
           .chunk_bytes = is_ahead ? limits::kBlockBytesMax : BlockReader::kChunkBytes},
          is_ahead ? parts_.ahead.pool() : parts_.pool};
}

// What came along with them, up to the first block that does not go on where the one before ends.
void PartitionReader::keep_ahead(const Segment& segment, BlockReader& reader,
                                 std::vector<BlockRef> blocks) const {
  while (std::optional<BlockRef> block = reader.next_at_hand()) {
    if ((*block)->header.base_offset != blocks.back()->header.end_offset()) break;
    blocks.push_back(std::move(*block));
  }
  parts_.ahead.add(segment.identity(), std::move(blocks));
}

RecordBatch PartitionReader::batch_of(const Segment& segment, std::vector<BlockRef> blocks,
                                      const Wanted& wanted) const {
  const Offset end = std::min(blocks.back()->header.end_offset(), wanted.range.end);
  if (wanted.is_sealed) parts_.ahead.ended(segment.identity(), end);
  return RecordBatch(std::move(blocks), {.first = wanted.range.first, .end = end},
                     parts_.clock.now());
}

// At least one. `expected`: where the block at the reader's position should begin.
Result<std::vector<BlockRef>> PartitionReader::read_blocks(BlockReader& reader, Offset expected,
                                                           const Wanted& wanted) {
  const OffsetRange& range = wanted.range;
  std::vector<BlockRef> blocks;
  std::size_t bytes = 0;
  while (!reader.at_end() && expected < range.end && bytes < wanted.bytes_max) {
    Result<BlockRef> block = reader.next();
    if (!block) {
      if (block.error().code == ErrorCode::kIo) return std::unexpected(std::move(block.error()));
      if (!blocks.empty()) break;
      Result<std::optional<BlockHeader>> good = reader.resync();
      if (!good) return std::unexpected(std::move(good.error()));
      const Offset resume = *good ? (*good)->base_offset : range.end;
      if (resume > range.first) {
        return fail(ErrorCode::kDamaged, std::move(block.error().message),
                    {.first = std::max(expected, range.first), .end = std::min(resume, range.end)});
      }
      expected = resume;
      continue;
    }
    const BlockHeader& header = (*block)->header;
    if (header.base_offset > std::max(expected, range.first) && blocks.empty()) {
      return fail(ErrorCode::kDamaged, "records are missing between two good blocks",
                  {.first = std::max(expected, range.first),
                   .end = std::min(header.base_offset, range.end)});
    }
    if (header.base_offset > expected && !blocks.empty()) break;
    expected = header.end_offset();
    if (expected <= range.first) continue;
    bytes += header.payload_bytes;
    blocks.push_back(std::move(*block));
  }
  if (blocks.empty()) return fail(ErrorCode::kDamaged, "the segment ends before the record", range);
  return blocks;
}

Result<Offset> PartitionReader::find_time(Timestamp time) const {
  const LogBounds now = bounds();
  std::optional<Known> known = segment_of(time);
  if (!known || now.start == now.visible_end) return now.visible_end;
  std::optional<Opened> opened = open_at(known->base);
  Offset from = std::max(known->base, now.start);
  if (opened) {
    Result<std::shared_ptr<const Segment>>& segment = opened->segment;
    if (!segment && segment.error().code == ErrorCode::kIo)
      return std::unexpected(std::move(segment.error()));
    // Reading passes over one that cannot be opened, as over any damage.
    if (segment) from = std::max((*segment)->find(time).base_offset, now.start);
  }
  while (from < now.visible_end) {
    Result<RecordBatch> batch = read_disk(from, limits::kIndexStrideBytes);
    if (!batch) {
      Error& error = batch.error();
      const bool passed = error.code == ErrorCode::kDamaged ||
                          (error.code == ErrorCode::kOutOfRange && error.range.first > from);
      if (!passed) return std::unexpected(std::move(error));
      from = error.code == ErrorCode::kDamaged ? error.range.end : error.range.first;
      continue;
    }
    std::optional<Offset> found;
    Status read = batch->for_each([&](const Record& record) {
      if (!found && record.timestamp >= time) found = record.offset;
    });
    if (!read) return std::unexpected(std::move(read.error()));
    if (found) return *found;
    from = batch->range().end;
  }
  return now.visible_end;
}

}  // namespace bimip::engine
