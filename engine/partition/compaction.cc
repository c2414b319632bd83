#include "engine/partition/compaction.h"

#include <algorithm>

namespace bimip::engine {
namespace {

// What is left of a segment's records, about, in a file of its own.
std::uint64_t bytes_left(const ManifestSegment& segment, std::uint64_t records_left) {
  const double share = segment.record_count == 0 ? 0
                                                 : static_cast<double>(records_left) /
                                                       static_cast<double>(segment.record_count);
  return 3 * limits::kSectorBytes +
         static_cast<std::uint64_t>(share * static_cast<double>(segment.record_bytes) * 1.125);
}

bool was_cleaned(const ManifestSegment& segment) { return segment.cleaned_at != Timestamp{}; }

}  // namespace

bool wants_compaction(const std::vector<ManifestSegment>& listed) {
  std::uint64_t all = 0;
  std::uint64_t dirty = 0;
  for (const ManifestSegment& segment : listed) {
    all += segment.file_bytes;
    if (!was_cleaned(segment)) dirty += segment.file_bytes;
  }
  return dirty > 0 && dirty * 100 >= all * limits::kCompactDirtyPercent;
}

Result<Fate> CompactionFilter::decide(const Record& record) {
  const std::vector<CompactionGroup::Stretch>& stretches = basis_.stretches;
  while (at_ + 1 < stretches.size() && record.offset >= stretches[at_].end) ++at_;
  if (is_held(record)) return basis_.lapsed.released(record) ? Fate::kDropped : Fate::kKept;
  const bool expired = basis_.lapsed.expired(record);
  if (record.key.empty()) return expired ? Fate::kDropped : Fate::kKept;
  if (!basis_.newest->contains(record.offset)) return Fate::kDropped;
  const bool deletes = expired || record.kind == RecordKind::kTombstone;
  if (deletes && stretches[at_].drops_tombstones) return Fate::kDropped;
  return stretches[at_].unlinks ? Fate::kUnlinked : Fate::kKept;
}

void CompactionGrouping::add(const ManifestSegment& segment,
                             const CompactionGroup::Stretch& stretch, std::uint64_t gone) {
  const std::uint64_t left =
      bytes_left(segment, segment.record_count - std::min(segment.record_count, gone));
  if (!joins_ || bytes_ + left > segment_bytes_) {
    groups_.emplace_back();
    bytes_ = 0;
  }
  bytes_ += left;
  joins_ = true;
  groups_.back().sources.push_back(segment);
  groups_.back().stretches.push_back(stretch);
}

std::vector<CompactionGroup> plan_compaction(const KeySurvey& survey, const TopicConfig& config,
                                             Timestamp now) {
  CompactionGrouping groups(config.segment_bytes);
  bool all_readable = true;
  for (std::size_t i = 0; i < survey.plan().segments.size(); ++i) {
    const ManifestSegment& segment = survey.plan().segments[i];
    const KeySurvey::Found& found = survey.found(i);
    all_readable = all_readable && !found.unreadable;
    if (found.unreadable || segment.end_offset > survey.plan().window_end) {
      groups.pass();
      continue;
    }
    const bool drops_tombstones =
        all_readable && was_cleaned(segment) && segment.cleaned_at + config.tombstone_grace <= now;
    const std::uint64_t superseded =
        found.keyed - survey.newest()->count({segment.base_offset, segment.end_offset});
    const bool needed = !was_cleaned(segment) || superseded > 0 || found.lapsed > 0 ||
                        (drops_tombstones && found.tombstones > 0);
    if (needed) {
      groups.add(segment,
                 {.end = segment.end_offset,
                  .drops_tombstones = drops_tombstones,
                  .unlinks = all_readable},
                 superseded);
    } else {
      groups.pass();
    }
  }
  return groups.take();
}

}  // namespace bimip::engine
