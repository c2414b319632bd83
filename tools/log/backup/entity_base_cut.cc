#include "tools/log/backup/entity_base_cut.h"

#include <algorithm>

#include "engine/format/file_names.h"
#include "engine/partition/entity_fold.h"
#include "tools/log/words.h"

namespace bimip::log_tools {

Status cut_entity_base(Device& device, const EntityBaseCut& cut) {
  const Result<std::shared_ptr<const BaseFile>> found =
      BaseFile::open(device, cut.folder, cut.partition);
  std::shared_ptr<const BaseFile> base = found ? *found : nullptr;
  // A base has at most as many entities as there are offsets below its end.
  if (base && base->view().header().entities > cut.end.value()) base.reset();
  const Offset counted = base ? base->view().header().end_offset : Offset(0);
  const bool is_needed = !forgotten_records(cut.segments, counted).empty();
  if (!is_needed && base && counted <= cut.end) return {};
  if (!is_needed && !base) {
    const Status gone = device.remove(cut.folder / file_names::kEntityBase);
    if (!gone && gone.error().code == ErrorCode::kNotFound) return {};
    return gone ? device.sync_directory(cut.folder) : gone;
  }
  std::vector<LostRecords> lost = forgotten_records(cut.before, counted);
  std::erase_if(lost, [&](const LostRecords& one) { return one.offsets.first >= cut.end; });
  for (LostRecords& one : lost) one.offsets.end = std::min(one.offsets.end, cut.end);
  BufferPool pool(limits::kBlockBytesMax);
  return fold_segments(device, pool,
                       {.folder = cut.folder,
                        .partition = cut.partition,
                        .segments = cut.segments,
                        .base = std::move(base),
                        .from = Offset(0),
                        .lost = std::move(lost),
                        .end = cut.end});
}

}  // namespace bimip::log_tools
