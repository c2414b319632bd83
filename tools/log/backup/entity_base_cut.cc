#include "tools/log/backup/entity_base_cut.h"

#include <algorithm>

#include "engine/entity/base_file.h"
#include "engine/format/file_names.h"
#include "engine/segment/segment.h"
#include "tools/log/words.h"

namespace bimip::log_tools {
namespace {

struct Directories {
  std::vector<std::shared_ptr<const EntityDirectories>> opened{};
  std::vector<EntityDirectoryView> views{};
  std::vector<LostRecords> lost{};
};

Result<Directories> directories_of(Device& device, const EntityBaseCut& cut) {
  BufferPool pool(limits::kBlockBytesMax);
  Directories all;
  for (const ManifestSegment& segment : cut.segments) {
    if (segment.state != SegmentState::kSealed) continue;
    SealedSegment::Place place{.folder = cut.folder,
                               .segment = cut.partition,
                               .base_offset = segment.base_offset,
                               .end_offset = segment.end_offset,
                               .file_bytes = segment.file_bytes};
    place.segment.epoch = segment.epoch;
    const Result<std::shared_ptr<File>> file =
        device.open(cut.folder / file_names::segment(segment.epoch), OpenMode::kRead);
    Result<OpenedEntities> entities =
        open_entities(device, pool, place, file ? *file : std::shared_ptr<File>());
    if (!entities && entities.error().code != ErrorCode::kDamaged)
      return std::unexpected(std::move(entities.error()));
    if (!entities) {
      all.lost.push_back({.offsets = {.first = segment.base_offset, .end = segment.end_offset}});
      continue;
    }
    std::ranges::copy(entities->directories->views(), std::back_inserter(all.views));
    all.opened.push_back(std::move(entities->directories));
  }
  return all;
}

}  // namespace

Status cut_entity_base(Device& device, const EntityBaseCut& cut) {
  const Result<std::shared_ptr<const BaseFile>> base =
      BaseFile::open(device, cut.folder, cut.partition);
  if (!base && base.error().code == ErrorCode::kNotFound) return {};
  if (base && (*base)->view().header().end_offset <= cut.end) return {};
  // A base has at most as many entities as there are offsets below its end.
  if (!base || (*base)->view().header().entities > cut.end.value()) {
    if (Status gone = device.remove(cut.folder / file_names::kEntityBase); !gone) return gone;
    return device.sync_directory(cut.folder);
  }
  const Result<Directories> left = directories_of(device, cut);
  if (!left) return std::unexpected(left.error());
  return fold_into_base(device, {.folder = cut.folder,
                                 .partition = cut.partition,
                                 .base = *base,
                                 .directories = left->views,
                                 .lost = left->lost,
                                 .end = cut.end});
}

}  // namespace bimip::log_tools
