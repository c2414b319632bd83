#include "tools/log/salvage/entity_base_copy.h"

#include <algorithm>

#include "engine/format/entity_base.h"
#include "engine/format/file_names.h"

namespace bimip::log_tools {
namespace {

// The pages that check; those that do not are lost records.
void copy_entities(const EntityBaseView& base, EntityBaseWriter& out) {
  for (const LostRecords& lost : base.header().lost) out.lose(lost);
  for (std::uint64_t number = 0; number < base.header().pages(); ++number) {
    const Result<EntityPage> page = base.page(number);
    if (!page) {
      out.lose(base.lost_with(number));
      continue;
    }
    for (std::size_t slot = 0; slot < page->size(); ++slot) out.add(page->at(slot));
  }
}

}  // namespace

Status carry_entity_base(const EntityBaseTarget& target, const FileEvidence* found) {
  if (found == nullptr && target.log_begin == Offset(0)) return {};
  std::vector<std::byte> bytes;
  std::optional<EntityBaseView> base;
  if (found != nullptr) {
    Result<std::vector<std::byte>> read = read_whole(found->path, found->bytes);
    if (!read) return std::unexpected(std::move(read.error()));
    bytes = std::move(*read);
    if (Result<EntityBaseView> view = EntityBaseView::open(target.partition, bytes)) base = *view;
  }
  const Offset known = base ? base->header().end_offset : Offset(0);
  EntityBaseWriter out({.partition = target.partition,
                        .generation = base ? base->header().generation + 1 : 1,
                        .end_offset = std::max(known, target.log_begin),
                        .entities = 0,
                        .lost = {}});
  if (base) copy_entities(*base, out);
  if (known < target.log_begin) out.lose({.offsets = {.first = known, .end = target.log_begin}});
  std::vector<std::byte> pages = out.take_pages();
  const EntityBaseWriter::Finished finished = out.finish();
  std::vector<std::byte> file = finished.header_page;
  file.insert(file.end(), pages.begin(), pages.end());
  file.insert(file.end(), finished.last_pages.begin(), finished.last_pages.end());
  return replace_file(target.device, target.folder / file_names::kEntityBase, file);
}

}  // namespace bimip::log_tools
