// Compaction of a keyed log: what is left of it, and what to write anew. Design:
// docs/design/compaction.md.
#pragma once

#include <memory>
#include <vector>

#include "engine/format/topic_config.h"
#include "engine/partition/key_survey.h"
#include "engine/partition/lapsed_records.h"
#include "engine/partition/segment_rewrite.h"

namespace bimip::engine {

// Whether enough was sealed since the last time: as much as limits::kCompactDirtyPercent of all.
// `listed` are the sealed segments that can be read.
[[nodiscard]] bool wants_compaction(const std::vector<ManifestSegment>& listed);

// One thing to do: neighbours that become one segment.
struct CompactionGroup {
  // Of the records before `end`, from where the one before ends.
  struct Stretch {
    Offset end{};
    bool drops_tombstones = false;
    bool unlinks = false;  // nothing before it holds a record of a key that has one here
    bool is_old = false;   // of a key only the newest stay
  };
  std::vector<ManifestSegment> sources{};
  std::vector<Stretch> stretches{};
};

// Puts small neighbours together, up to about `segment_bytes` of what will be left of them.
// Thread-compatible.
class CompactionGrouping {
 public:
  explicit CompactionGrouping(std::uint64_t segment_bytes) : segment_bytes_(segment_bytes) {}

  // `gone`: so many of the segment's records.
  void add(const ManifestSegment& segment, const CompactionGroup::Stretch& stretch,
           std::uint64_t gone);
  // A segment stays as it is.
  void pass() { joins_ = false; }
  [[nodiscard]] std::vector<CompactionGroup> take() { return std::move(groups_); }

 private:
  const std::uint64_t segment_bytes_;
  std::vector<CompactionGroup> groups_{};
  bool joins_ = false;  // the last group's last source is the next one's neighbour
  std::uint64_t bytes_ = 0;
};

// Keeps the newest record of each key, of tombstones only those that somebody may still need; and
// all that has no key. What it keeps has no older record of its entity to lead to. Of what has
// lapsed it keeps only a newest record that has expired, as long as it would a tombstone: else an
// older one might be taken for the newest.
class CompactionFilter final : public RecordFilter {
 public:
  struct Basis {
    std::shared_ptr<const OffsetSet> newest{};
    std::vector<CompactionGroup::Stretch> stretches{};
    LapsedRecords lapsed{};
  };
  explicit CompactionFilter(Basis basis) : basis_(std::move(basis)) {}

  [[nodiscard]] Result<Fate> decide(const Record& record) override;

 private:
  Basis basis_;
  std::size_t at_ = 0;
};

// What a finished survey leads to, oldest first: segments that were never cleaned, or of which
// something is superseded or may go; small neighbours together, up to the topic's segment size.
// Tombstones go a grace time after the segment was first cleaned, and only when nothing older is
// unreadable, which might hold what they delete.
[[nodiscard]] std::vector<CompactionGroup> plan_compaction(const KeySurvey& survey,
                                                           const TopicConfig& config,
                                                           Timestamp now);

}  // namespace bimip::engine
