#include "engine/segment/entity_directories.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "engine/segment/block_reader.h"

namespace bimip::engine {

void DirectoryBuilder::add(const BlockHeader& header, RecordCursor records) {
  lose_until(header.base_offset);
  while (!records.done()) {
    const Result<Record> record = records.next();
    if (!record) return;  // the rest of the block is lost
    if (!record->key.empty() && record->entity) {
      found_.push_back(
          {.hash = entity_hash(header.identity.store, record->key),
           .record = {.increment = record->entity->increment, .offset = record->offset},
           .previous = record->entity->previous});
    }
    next_ = record->offset + 1;
  }
  next_ = header.end_offset();
}

void DirectoryBuilder::lose_until(Offset offset) {
  if (offset > next_) lost_.push_back({.offsets = {.first = next_, .end = offset}});
  next_ = std::max(next_, offset);
}

std::vector<std::byte> DirectoryBuilder::finish(const SegmentIdentity& segment, Offset end) {
  lose_until(end);
  EntityDirectoryWriter out({.first = first_, .end = end});
  for (const LostRecords& lost : lost_) out.lose(lost);
  std::ranges::sort(found_, [](const Found& a, const Found& b) {
    return std::tie(a.hash, a.record.offset) < std::tie(b.hash, b.record.offset);
  });
  std::vector<EntityRecord> records;
  for (std::size_t i = 0; i < found_.size();) {
    const std::size_t first = i;
    records.clear();
    for (; i < found_.size() && found_[i].hash == found_[first].hash; ++i)
      records.push_back(found_[i].record);
    out.add(found_[first].hash, found_[first].previous, records);
  }
  return out.finish(segment);
}

Result<std::shared_ptr<const EntityDirectories>> EntityDirectories::open(
    Device& device, const Path& path, const SegmentIdentity& segment,
    std::span<const std::uint64_t> lengths) {
  auto opened = std::make_shared<EntityDirectories>();
  if (lengths.empty()) return opened;
  Result<std::shared_ptr<File>> file = device.open(path, OpenMode::kRead);
  if (!file) return std::unexpected(std::move(file.error()));
  Result<std::unique_ptr<Mapping>> mapping = (*file)->map();
  if (!mapping) return std::unexpected(std::move(mapping.error()));
  Bytes rest = (*mapping)->bytes();
  for (const std::uint64_t length : lengths) {
    if (length > rest.size()) {
      return fail(ErrorCode::kDamaged, path.string() + ": is shorter than its directories");
    }
    Result<EntityDirectoryView> view = EntityDirectoryView::open(segment, rest.first(length));
    if (!view) return fail_at(path.string(), std::move(view.error()));
    if (!opened->views_.empty() && view->offsets().first < opened->end()) {
      return fail(ErrorCode::kDamaged, path.string() + ": its directories overlap");
    }
    opened->views_.push_back(std::move(*view));
    rest = rest.subspan(length);
  }
  opened->mapping_ = std::move(*mapping);
  return opened;
}

Result<std::shared_ptr<const EntityDirectories>> EntityDirectories::open(
    Device& device, const Path& path, const SegmentIdentity& segment) {
  Result<std::shared_ptr<File>> file = device.open(path, OpenMode::kRead);
  if (!file) return std::unexpected(std::move(file.error()));
  Result<std::uint64_t> size = (*file)->size();
  if (!size) return std::unexpected(std::move(size.error()));
  return open(device, path, segment, std::array{*size});
}

Result<std::shared_ptr<const EntityDirectories>> EntityDirectories::of(
    const SegmentIdentity& segment, std::vector<std::byte> directory) {
  auto opened = std::make_shared<EntityDirectories>();
  opened->owned_ = std::move(directory);
  Result<EntityDirectoryView> view = EntityDirectoryView::open(segment, opened->owned_);
  if (!view) return std::unexpected(std::move(view.error()));
  opened->views_.push_back(std::move(*view));
  return opened;
}

bool EntityDirectories::is_readable() const { return !mapping_ || mapping_->is_readable(); }

Result<std::vector<std::byte>> build_directory(const LogStretch& stretch, BufferPool& pool) {
  BlockReader blocks(
      {.file = stretch.file, .segment = stretch.segment, .from = stretch.from, .end = stretch.end},
      pool);
  DirectoryBuilder found(stretch.offsets.first);
  while (!blocks.at_end()) {
    Result<BlockRef> block = blocks.next();
    if (block) {
      const BlockHeader& header = (*block)->header;
      if (header.base_offset >= stretch.offsets.first && header.end_offset() <= stretch.offsets.end)
        found.add(header, (*block)->records());
      continue;
    }
    if (block.error().code == ErrorCode::kIo) return std::unexpected(std::move(block.error()));
    Result<std::optional<BlockHeader>> good = blocks.resync();
    if (!good) return std::unexpected(std::move(good.error()));
    if (!*good) break;
  }
  return found.finish(stretch.segment, stretch.offsets.end);
}

}  // namespace bimip::engine
