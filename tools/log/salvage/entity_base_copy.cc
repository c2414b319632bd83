#include "tools/log/salvage/entity_base_copy.h"

#include <algorithm>

#include "engine/format/entity_base.h"
#include "engine/format/file_names.h"
#include "engine/partition/entity_fold.h"

namespace bimip::log_tools {
namespace {

// Of the blocks that a rewrite has thinned, and no base counts in; neighbours are one.
std::vector<LostRecords> thinned(std::span<const BlockEvidence* const> blocks, Offset counted) {
  std::vector<LostRecords> records;
  for (const BlockEvidence* block : blocks) {
    const BlockHeader& header = block->header;
    if (header.record_count < header.offset_span)
      add_uncounted(records, {.first = header.base_offset, .end = header.end_offset()}, counted);
  }
  return records;
}

}  // namespace

Offset log_begin(const PartitionPlan& plan) {
  if (plan.blocks.empty()) return plan.log_start;
  return std::min(plan.log_start, plan.blocks.front()->header.base_offset);
}

Result<EntityBaseCopy> EntityBaseCopy::read(const PartitionPlan& plan) {
  EntityBaseCopy copy;
  copy.partition_ = plan.identity;
  copy.log_begin_ = log_begin(plan);
  if (const FileEvidence* const found = plan.entity_base) {
    Result<std::vector<std::byte>> bytes = read_whole(found->path, found->bytes);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    copy.bytes_ = std::move(*bytes);
    // Of a file that was cut, or goes on with other bytes, the pages that are there count.
    copy.bytes_.resize(found->entity_base->file_bytes());
  }
  copy.find_forgotten(plan);
  return copy;
}

std::optional<EntityBaseView> EntityBaseCopy::view() const {
  const Result<EntityBaseView> base = EntityBaseView::open(partition_, bytes_);
  return base ? std::optional(*base) : std::nullopt;
}

Offset EntityBaseCopy::counted() const {
  const std::optional<EntityBaseView> base = view();
  return base ? base->header().end_offset : Offset(0);
}

void EntityBaseCopy::find_forgotten(const PartitionPlan& plan) {
  if (const std::optional<EntityBaseView> base = view()) {
    for (const LostRecords& lost : base->header().lost) {
      // Of records that are lost as such, too, the gap tells.
      const bool is_in_gap = std::ranges::any_of(plan.gaps, [&](const Gap& gap) {
        return gap.offsets.first <= lost.offsets.first && lost.offsets.end <= gap.offsets.end;
      });
      if (!is_in_gap) forgotten_.push_back({.records = lost, .is_known = true});
      lost_.push_back(lost);
    }
    for (std::uint64_t number = 0; number < base->header().pages(); ++number)
      if (!base->page(number)) forget(base->lost_with(number));
  }
  if (counted() < log_begin_) forget({.offsets = {.first = counted(), .end = log_begin_}});
  for (const LostRecords& lost : thinned(plan.blocks, counted())) forget(lost);
}

void EntityBaseCopy::forget(const LostRecords& lost) {
  forgotten_.push_back({.records = lost});
  lost_.push_back(lost);
}

Status EntityBaseCopy::write(Device& device, const Path& folder,
                             std::span<const ManifestSegment> segments) const {
  const std::optional<EntityBaseView> found = view();
  const Offset below = std::max(counted(), log_begin_);
  if (found || log_begin_ > Offset(0)) {
    if (Status done = write_until(device, folder, below); !done) return done;
  }
  if (forgotten_records(segments, below).empty()) return {};
  Result<std::shared_ptr<const BaseFile>> base = BaseFile::open(device, folder, partition_);
  if (!base && base.error().code != ErrorCode::kNotFound) return std::unexpected(base.error());
  SegmentsFold fold{.folder = folder,
                    .partition = partition_,
                    .segments = segments,
                    .base = base ? *base : nullptr,
                    .from = below,
                    .lost = {},
                    .end = segments.back().base_offset};  // the active one's
  for (const LostRecords& lost : lost_)
    if (lost.offsets.end > below) fold.lost.push_back(lost);
  BufferPool pool(limits::kBlockBytesMax);
  return fold_segments(device, pool, std::move(fold));
}

// What there is of the base, as one that ends at `end`.
Status EntityBaseCopy::write_until(Device& device, const Path& folder, Offset end) const {
  const std::optional<EntityBaseView> base = view();
  EntityBaseWriter out({.partition = partition_,
                        .generation = base ? base->header().generation + 1 : 1,
                        .end_offset = end,
                        .entities = 0,
                        .lost = {}});
  for (std::uint64_t number = 0; base && number < base->header().pages(); ++number) {
    const Result<EntityPage> page = base->page(number);
    for (std::size_t slot = 0; page && slot < page->size(); ++slot) out.add(page->at(slot));
  }
  for (const LostRecords& lost : lost_)
    if (lost.offsets.end <= end) out.lose(lost);
  std::vector<std::byte> pages = out.take_pages();
  const EntityBaseWriter::Finished finished = out.finish();
  std::vector<std::byte> file = finished.header_page;
  file.insert(file.end(), pages.begin(), pages.end());
  file.insert(file.end(), finished.last_pages.begin(), finished.last_pages.end());
  return replace_file(device, folder / file_names::kEntityBase, file);
}

}  // namespace bimip::log_tools
