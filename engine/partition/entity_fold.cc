#include "engine/partition/entity_fold.h"

#include <algorithm>

#include "engine/segment/segment.h"

namespace bimip::engine {

std::vector<LostRecords> forgotten_records(std::span<const ManifestSegment> segments,
                                           Offset counted) {
  std::vector<LostRecords> forgotten;
  if (!segments.empty())
    add_uncounted(forgotten, {.first = Offset(0), .end = segments.front().base_offset}, counted);
  for (const ManifestSegment& segment : segments) {
    if (segment.state == SegmentState::kSealed && is_thinned(segment))
      add_uncounted(forgotten, {.first = segment.base_offset, .end = segment.end_offset}, counted);
  }
  return forgotten;
}

void add_uncounted(std::vector<LostRecords>& to, OffsetRange offsets, Offset counted) {
  offsets.first = std::max(offsets.first, counted);
  if (offsets.first >= offsets.end) return;
  if (!to.empty() && to.back().offsets.end == offsets.first)
    to.back().offsets.end = offsets.end;
  else
    to.push_back({.offsets = offsets});
}

Status fold_segments(Device& device, BufferPool& pool, SegmentsFold fold) {
  std::vector<std::shared_ptr<const EntityDirectories>> kept;
  std::vector<EntityDirectoryView> views;
  for (const ManifestSegment& segment : fold.segments) {
    if (segment.state != SegmentState::kSealed || segment.end_offset <= fold.from) continue;
    Result<OpenedEntities> opened =
        open_entities(device, pool, place_of(fold.folder, fold.partition, segment));
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
