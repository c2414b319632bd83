#include "tools/log/rewrite/compact.h"

#include <algorithm>

#include "engine/partition/entity_retention.h"
#include "engine/partition/lapsed_records.h"
#include "engine/partition/recovery.h"
#include "engine/partition/upkeep.h"

namespace bimip::log_tools {
namespace {

std::vector<ManifestSegment> sealed_of(const Manifest& manifest) {
  std::vector<ManifestSegment> sealed;
  std::ranges::copy_if(
      manifest.segments, std::back_inserter(sealed),
      [](const ManifestSegment& segment) { return segment.state == SegmentState::kSealed; });
  return sealed;
}

SealedSize size_of(const std::vector<ManifestSegment>& sealed) {
  SealedSize size{.segments = sealed.size()};
  for (const ManifestSegment& segment : sealed) {
    size.records += segment.record_count;
    size.bytes += segment.file_bytes;
  }
  return size;
}

// How far consumers are is known to a server alone.
bool drops_records(const TopicConfig& config) {
  return config.compaction == Compaction::kNewest ||
         (limits_entities(config) && config.retention_floor == RetentionFloor::kNone);
}

KeySurvey::Plan survey_plan(const Path& folder, const SegmentIdentity& partition,
                            const TopicConfig& config, std::vector<ManifestSegment> sealed,
                            LapsedRecords lapsed) {
  const Offset window_end = std::min(sealed.back().end_offset,
                                     sealed.front().base_offset + limits::kCompactWindowOffsets);
  return {.folder = folder,
          .partition = partition,
          .segments = std::move(sealed),
          .window_end = window_end,
          .keys_max = limits::kCompactKeysMax,
          .lapsed = std::move(lapsed),
          .kept_of_each = std::max<std::uint64_t>(1, config.entity_records_max)};
}

Status run(KeySurvey& survey) {
  while (true) {
    Result<bool> done = survey.step();
    if (!done) return std::unexpected(std::move(done.error()));
    if (*done) return {};
  }
}

std::vector<CompactionGroup> plan(const KeySurvey& survey, const TopicConfig& config,
                                  Timestamp now) {
  return config.compaction == Compaction::kNewest
             ? plan_compaction(survey, config, now)
             : plan_entity_retention(survey, config, {.now = now});
}

std::unique_ptr<RecordFilter> filter_of(const KeySurvey& survey, const TopicConfig& config,
                                        CompactionGroup& group, LapsedRecords lapsed) {
  if (config.compaction == Compaction::kNewest)
    return std::make_unique<CompactionFilter>(
        CompactionFilter::Basis{.newest = survey.newest(),
                                .stretches = std::move(group.stretches),
                                .lapsed = std::move(lapsed)});
  return std::make_unique<EntityRetentionFilter>(
      EntityRetentionFilter::Kept{
          .newest = survey.newest(),
          .by_count = config.entity_records_max == 0 ? nullptr : survey.kept(),
          .lapsed = std::move(lapsed)},
      std::move(group.stretches));
}

class Compactor {
 public:
  Compactor(Device& device, BufferPool& pool, const CompactTask& task)
      : device_(device), pool_(pool), task_(task), config_(task.topic.config) {}

  Result<CompactedPartition> run() {
    Result<RecoveredPartition> recovered = recover_partition(device_, pool_,
                                                             {.folder = task_.folder,
                                                              .partition = task_.partition,
                                                              .durability = config_.durability,
                                                              .pool = &pool_},
                                                             task_.now);
    if (!recovered) return std::unexpected(std::move(recovered.error()));
    keeper_ = recovered->keeper.get();
    held_ = std::move(recovered->held);
    report_.topic = task_.topic.name;
    report_.partition = task_.partition.partition;
    report_.before = size_of(sealed_of(keeper_->manifest()));
    Status done = drop_records();
    if (done) done = pack();
    if (!done) return std::unexpected(std::move(done.error()));
    report_.after = size_of(sealed_of(keeper_->manifest()));
    return std::move(report_);
  }

 private:
  Status drop_records() {
    std::vector<ManifestSegment> sealed = sealed_of(keeper_->manifest());
    if (!drops_records(config_) || sealed.empty()) return {};
    KeySurvey survey(
        device_, pool_,
        survey_plan(task_.folder, task_.partition, config_, std::move(sealed), lapsed()));
    if (Status done = log_tools::run(survey); !done) return done;
    bool all_done = true;
    for (CompactionGroup& group : plan(survey, config_, task_.now)) {
      // What a tombstone deletes may be in a segment before it that could not be written anew.
      for (CompactionGroup::Stretch& stretch : group.stretches)
        stretch.drops_tombstones = stretch.drops_tombstones && all_done;
      const std::vector<ManifestSegment> sources = group.sources;
      const std::unique_ptr<RecordFilter> filter = filter_of(survey, config_, group, lapsed());
      Result<bool> written = rewrite(sources, *filter);
      if (!written) return std::unexpected(std::move(written.error()));
      all_done = all_done && *written;
    }
    return {};
  }

  Status pack() {
    for (const ManifestSegment& segment : sealed_of(keeper_->manifest())) {
      if (!wants_packing(segment)) continue;
      KeepCurrent current(lapsed(), config_.compaction);
      const Result<bool> written = rewrite({segment}, current);
      if (!written) return std::unexpected(written.error());
    }
    return {};
  }

  LapsedRecords lapsed() const {
    return {task_.now, held_.in({.first = Offset(0), .end = kNoFloor})};
  }

  Timestamp cleaned_at(const std::vector<ManifestSegment>& sources) const {
    Timestamp newest{};
    for (const ManifestSegment& source : sources) {
      const bool is_first =
          config_.compaction == Compaction::kNewest && source.cleaned_at == Timestamp{};
      newest = std::max(newest, is_first ? task_.now : source.cleaned_at);
    }
    return newest;
  }

  // False: it cannot be, and stays as it is.
  Result<bool> rewrite(const std::vector<ManifestSegment>& sources, RecordFilter& filter) {
    Result<Epoch> epoch = keeper_->reserve_epoch(0);
    if (!epoch) return std::unexpected(std::move(epoch.error()));
    const std::vector<ManifestSegment>& segments = keeper_->manifest().segments;
    const auto first = std::ranges::find(segments, sources.front().epoch, &ManifestSegment::epoch);
    SegmentRewrite::Plan plan{.folder = task_.folder,
                              .partition = task_.partition,
                              .sources = sources,
                              .epoch = *epoch,
                              .now = task_.now,
                              .cleaned_at = cleaned_at(sources)};
    if (first != segments.begin()) plan.before = *std::prev(first);
    SegmentRewrite rewrite(device_, pool_, std::move(plan), filter);
    for (Result<bool> done = false; !*done;) {
      done = rewrite.step();
      if (done) continue;
      if (done.error().code != ErrorCode::kDamaged) return done;
      report_.left_alone.push_back(done.error().message);
      return false;
    }
    if (Status done = keeper_->replace_segments(sources, rewrite.outcome().segment); !done)
      return std::unexpected(std::move(done.error()));
    rewrite.release();
    keeper_->remove_segments(sources);
    return true;
  }

  Device& device_;
  BufferPool& pool_;
  const CompactTask& task_;
  const TopicConfig& config_;
  SegmentKeeper* keeper_ = nullptr;
  HeldRecords held_{};
  CompactedPartition report_{};
};

// Of one segment, by a survey: how many of its records go.
std::uint64_t gone_from(const KeySurvey& survey, std::size_t i, const TopicConfig& config,
                        Timestamp now) {
  const ManifestSegment& segment = survey.plan().segments[i];
  const KeySurvey::Found& found = survey.found(i);
  const bool only_newest = config.compaction == Compaction::kNewest || is_old(segment, config, now);
  if (!only_newest && config.entity_records_max == 0) return 0;
  const OffsetSet& kept = only_newest ? *survey.newest() : *survey.kept();
  const std::uint64_t left = kept.count({.first = segment.base_offset, .end = segment.end_offset});
  return found.unreadable ? 0 : found.keyed - std::min(found.keyed, left);
}

// About, of a segment that is written anew without so many of its records.
std::uint64_t bytes_left(const ManifestSegment& segment, std::uint64_t gone) {
  const std::uint64_t mean =
      segment.record_count == 0 ? 0 : segment.record_bytes / segment.record_count;
  const std::uint64_t records = segment.record_bytes - mean * gone;
  return std::min(segment.file_bytes, 3 * limits::kSectorBytes + records + records / 8);
}

}  // namespace

Result<CompactedPartition> foresee_compaction(Device& device, BufferPool& pool,
                                              const PartitionPlace& place, Timestamp now) {
  CompactedPartition report{.topic = place.topic, .partition = place.identity.partition};
  if (!place.manifest || !place.config) return report;
  const TopicConfig& config = place.config->config;
  const std::vector<ManifestSegment> sealed = sealed_of(*place.manifest);
  report.before = report.after = size_of(sealed);
  std::vector<std::uint64_t> gone(sealed.size(), 0);
  if (drops_records(config) && !sealed.empty()) {
    KeySurvey survey(device, pool, survey_plan(place.folder, place.identity, config, sealed, {}));
    if (Status done = run(survey); !done) return std::unexpected(std::move(done.error()));
    for (std::size_t i = 0; i < sealed.size(); ++i) gone[i] = gone_from(survey, i, config, now);
  }
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    if (gone[i] == 0 && !wants_packing(sealed[i])) continue;
    report.after.records -= gone[i];
    report.after.bytes -= sealed[i].file_bytes - bytes_left(sealed[i], gone[i]);
  }
  return report;
}

Result<CompactedPartition> compact_partition(Device& device, BufferPool& pool,
                                             const CompactTask& task) {
  return Compactor(device, pool, task).run();
}

}  // namespace bimip::log_tools
