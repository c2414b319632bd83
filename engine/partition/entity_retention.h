// Which old records of keys go, and which segments are to be written anew for it. Design:
// docs/design/retention.md.
#pragma once

#include <memory>
#include <vector>

#include "engine/partition/compaction.h"
#include "engine/partition/retention.h"

namespace bimip::engine {

[[nodiscard]] bool limits_entities(const TopicConfig& config);

// Whether all records of a sealed segment are old enough to go.
[[nodiscard]] bool is_old(const ManifestSegment& segment, const TopicConfig& config, Timestamp now);

// Keeps what has no key, what is above the floor, the newest record of each key, and of the others
// those that are neither too many nor too old; nothing that has lapsed. Links stay: one may lead to
// a record that is gone.
class EntityRetentionFilter final : public RecordFilter {
 public:
  struct Kept {
    std::shared_ptr<const OffsetSet> newest{};
    std::shared_ptr<const OffsetSet> by_count{};  // none: as many as there are
    Offset floor = kNoFloor;
    LapsedRecords lapsed{};
  };
  EntityRetentionFilter(Kept kept, std::vector<CompactionGroup::Stretch> stretches)
      : kept_(std::move(kept)), stretches_(std::move(stretches)) {}

  [[nodiscard]] Result<Fate> decide(const Record& record) override;

 private:
  Kept kept_;
  const std::vector<CompactionGroup::Stretch> stretches_;
  std::size_t at_ = 0;
};

// What a finished survey of `kept_of_each` leads to, oldest first: segments of which something is
// to go; small neighbours together.
[[nodiscard]] std::vector<CompactionGroup> plan_entity_retention(const KeySurvey& survey,
                                                                 const TopicConfig& config,
                                                                 const RetentionBasis& basis);

}  // namespace bimip::engine
