#include "tools/log/salvage/entity_base_copy.h"

#include <algorithm>

#include "engine/format/entity_base.h"
#include "engine/format/file_names.h"

namespace bimip::log_tools {

Result<EntityBaseCopy> EntityBaseCopy::read(const SegmentIdentity& partition, Offset log_begin,
                                            const FileEvidence* found) {
  EntityBaseCopy copy;
  copy.partition_ = partition;
  copy.log_begin_ = log_begin;
  if (found != nullptr) {
    Result<std::vector<std::byte>> bytes = read_whole(found->path, found->bytes);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    copy.bytes_ = std::move(*bytes);
    // Of a file that was cut, or goes on with other bytes, the pages that are there count.
    copy.bytes_.resize(found->entity_base->file_bytes());
  }
  copy.find_forgotten();
  return copy;
}

std::optional<EntityBaseView> EntityBaseCopy::view() const {
  const Result<EntityBaseView> base = EntityBaseView::open(partition_, bytes_);
  return base ? std::optional(*base) : std::nullopt;
}

Offset EntityBaseCopy::known_until() const {
  const std::optional<EntityBaseView> base = view();
  return base ? base->header().end_offset : Offset(0);
}

void EntityBaseCopy::find_forgotten() {
  if (const std::optional<EntityBaseView> base = view()) {
    for (const LostRecords& lost : base->header().lost)
      forgotten_.push_back({.records = lost, .is_known = true});
    for (std::uint64_t number = 0; number < base->header().pages(); ++number) {
      if (!base->page(number)) forgotten_.push_back({.records = base->lost_with(number)});
    }
  }
  const Offset known = known_until();
  if (known < log_begin_)
    forgotten_.push_back({.records = {.offsets = {.first = known, .end = log_begin_}}});
}

Status EntityBaseCopy::write(Device& device, const Path& folder) const {
  const std::optional<EntityBaseView> base = view();
  if (!base && log_begin_ == Offset(0)) return {};
  EntityBaseWriter out({.partition = partition_,
                        .generation = base ? base->header().generation + 1 : 1,
                        .end_offset = std::max(known_until(), log_begin_),
                        .entities = 0,
                        .lost = {}});
  for (std::uint64_t number = 0; base && number < base->header().pages(); ++number) {
    const Result<EntityPage> page = base->page(number);
    for (std::size_t slot = 0; page && slot < page->size(); ++slot) out.add(page->at(slot));
  }
  for (const ForgottenKeys& forgotten : forgotten_) out.lose(forgotten.records);
  std::vector<std::byte> pages = out.take_pages();
  const EntityBaseWriter::Finished finished = out.finish();
  std::vector<std::byte> file = finished.header_page;
  file.insert(file.end(), pages.begin(), pages.end());
  file.insert(file.end(), finished.last_pages.begin(), finished.last_pages.end());
  return replace_file(device, folder / file_names::kEntityBase, file);
}

}  // namespace bimip::log_tools
