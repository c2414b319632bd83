#include "engine/partition/entity_fold.h"

#include <algorithm>

#include "engine/format/file_names.h"
#include "engine/segment/segment.h"

namespace bimip::engine {

std::vector<LostRecords> forgotten_records(std::span<const ManifestSegment> segments,
                                           Offset counted) {
  std::vector<LostRecords> forgotten;
  const auto forget = [&](Offset first, Offset end) {
    first = std::max(first, counted);
    if (first >= end) return;
    if (!forgotten.empty() && forgotten.back().offsets.end == first)
      forgotten.back().offsets.end = end;
    else
      forgotten.push_back({.offsets = {.first = first, .end = end}});
  };
  if (!segments.empty()) forget(Offset(0), segments.front().base_offset);
  for (const ManifestSegment& segment : segments) {
    if (segment.state == SegmentState::kSealed && is_thinned(segment))
      forget(segment.base_offset, segment.end_offset);
  }
  return forgotten;
}

Status fold_segments(Device& device, BufferPool& pool, SegmentsFold fold) {
  std::vector<std::shared_ptr<const EntityDirectories>> kept;
  std::vector<EntityDirectoryView> views;
  for (const ManifestSegment& segment : fold.segments) {
    if (segment.state != SegmentState::kSealed || segment.end_offset <= fold.from) continue;
    SealedSegment::Place place{.folder = fold.folder,
                               .segment = fold.partition,
                               .base_offset = segment.base_offset,
                               .end_offset = segment.end_offset,
                               .file_bytes = segment.file_bytes};
    place.segment.epoch = segment.epoch;
    const Result<std::shared_ptr<File>> file =
        device.open(fold.folder / file_names::segment(segment.epoch), OpenMode::kRead);
    Result<OpenedEntities> opened =
        open_entities(device, pool, place, file ? *file : std::shared_ptr<File>());
    if (!opened && opened.error().code == ErrorCode::kDamaged) {
      fold.lost.push_back({.offsets = {.first = segment.base_offset, .end = segment.end_offset}});
      continue;
    }
    if (!opened) return std::unexpected(std::move(opened.error()));
    std::ranges::copy(opened->directories->views(), std::back_inserter(views));
    kept.push_back(std::move(opened->directories));
  }
  const auto are_readable = [&kept] {
    return std::ranges::all_of(kept, &EntityDirectories::is_readable);
  };
  return fold_into_base(device, {.folder = fold.folder,
                                 .partition = fold.partition,
                                 .base = fold.base,
                                 .directories = views,
                                 .lost = fold.lost,
                                 .are_readable = are_readable,
                                 .end = fold.end});
}

}  // namespace bimip::engine
