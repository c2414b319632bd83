#include "engine/partition/entity_retention.h"

#include <algorithm>

namespace bimip::engine {

bool limits_entities(const TopicConfig& config) {
  return config.entity_records_max != 0 || config.entity_age != config.entity_age.zero();
}

bool is_old(const ManifestSegment& segment, const TopicConfig& config, Timestamp now) {
  return config.entity_age != config.entity_age.zero() &&
         segment.last_timestamp + config.entity_age <= now;
}

Result<Fate> EntityRetentionFilter::decide(const Record& record) {
  while (at_ + 1 < stretches_.size() && record.offset >= stretches_[at_].end) ++at_;
  if (is_held(record)) return kept_.lapsed.released(record) ? Fate::kDropped : Fate::kKept;
  if (kept_.lapsed.expired(record)) return Fate::kDropped;
  if (record.key.empty() || record.offset >= kept_.floor) return Fate::kKept;
  if (stretches_[at_].is_old)
    return kept_.newest->contains(record.offset) ? Fate::kKept : Fate::kDropped;
  const bool is_kept = !kept_.by_count || kept_.by_count->contains(record.offset);
  return is_kept ? Fate::kKept : Fate::kDropped;
}

std::vector<CompactionGroup> plan_entity_retention(const KeySurvey& survey,
                                                   const TopicConfig& config,
                                                   const RetentionBasis& basis) {
  CompactionGrouping groups(config.segment_bytes);
  for (std::size_t i = 0; i < survey.plan().segments.size(); ++i) {
    const ManifestSegment& segment = survey.plan().segments[i];
    const KeySurvey::Found& found = survey.found(i);
    const bool old = is_old(segment, config, basis.now);
    const OffsetSet* const kept = old                              ? survey.newest().get()
                                  : config.entity_records_max != 0 ? survey.kept().get()
                                                                   : nullptr;
    const std::uint64_t gone =
        kept == nullptr || found.unreadable
            ? 0
            : found.keyed - std::min(found.keyed, kept->count({.first = segment.base_offset,
                                                               .end = segment.end_offset}));
    const bool is_wanted = (gone > 0 || found.lapsed > 0) &&
                           segment.end_offset <= survey.plan().window_end &&
                           segment.base_offset < basis.floor;
    if (is_wanted) {
      groups.add(segment, {.end = segment.end_offset, .is_old = old}, gone);
    } else {
      groups.pass();
    }
  }
  return groups.take();
}

}  // namespace bimip::engine
