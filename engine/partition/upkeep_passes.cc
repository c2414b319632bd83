// Passes over a keyed log: compaction, and what goes of the old records of each key.
#include <algorithm>
#include <utility>

#include "engine/partition/upkeep.h"

namespace bimip::engine {

bool Upkeep::choose_compaction() {
  if (config_.compaction == Compaction::kNone && !limits_entities(config_)) return false;
  std::vector<ManifestSegment> sealed;
  std::vector<ManifestSegment> readable;
  for (const ManifestSegment& segment : parts_.keeper.manifest().segments) {
    if (segment.state != SegmentState::kSealed) break;
    sealed.push_back(segment);
    if (!is_skipped(segment)) readable.push_back(segment);
  }
  if (!wants_pass(readable)) return false;
  look_again_ = true;
  if (!enter()) return false;
  const Offset window_end = std::min(sealed.back().end_offset,
                                     sealed.front().base_offset + limits::kCompactWindowOffsets);
  LapsedRecords lapsed = lapsed_in(sealed);
  KeySurvey::Plan plan{.folder = parts_.keeper.folder(),
                       .partition = parts_.keeper.identity(Epoch(0)),
                       .segments = std::move(sealed),
                       .window_end = window_end,
                       .keys_max = limits::kCompactKeysMax,
                       .lapsed = std::move(lapsed),
                       .kept_of_each = std::max<std::uint64_t>(1, config_.entity_records_max)};
  pass_.emplace();
  for (const ManifestSegment& segment : readable) {
    if (segment.end_offset > retention_floor()) break;
    pass_->surveyed_end = segment.end_offset;
    if (is_old(segment, config_, parts_.clock.now())) pass_->old_end = segment.end_offset;
  }
  pass_->survey = std::make_shared<KeySurvey>(parts_.device, parts_.pool, std::move(plan));
  survey_some();
  return true;
}

// Of a topic that limits its keys' records: as compaction, but what was gone over before this start
// is gone over again; and when more has become old. What a floor holds waits until it is let go.
bool Upkeep::wants_pass(const std::vector<ManifestSegment>& readable) const {
  if (config_.compaction == Compaction::kNewest) return wants_compaction(readable);
  std::uint64_t all = 0;
  std::uint64_t fresh = 0;
  bool has_old = false;
  for (const ManifestSegment& segment : readable) {
    if (segment.end_offset > retention_floor()) break;
    all += segment.file_bytes;
    if (segment.base_offset >= surveyed_end_) fresh += segment.file_bytes;
    has_old =
        has_old || (segment.end_offset > old_end_ && is_old(segment, config_, parts_.clock.now()));
  }
  const bool has_much = config_.entity_records_max != 0 && fresh > 0 &&
                        fresh * 100 >= all * limits::kCompactDirtyPercent;
  return has_much || (has_old && parts_.clock.monotonic() >= next_old_pass_);
}

void Upkeep::survey_some() {
  waiting_ = !parts_.budget.take(limits::kRewriteStepBytes);
  if (waiting_) return;
  stepping_ = true;
  parts_.background.post([this, survey = pass_->survey] {
    auto done = std::make_shared<Result<bool>>(survey->step());
    parts_.post([this, done] { surveyed(std::move(*done)); });
  });
}

void Upkeep::surveyed(Result<bool> done) {
  stepping_ = false;
  if (stopped_) return finish();
  if (!done) {
    pass_.reset();
    return failed(done.error());
  }
  if (pass_->outdated) return give_up_pass();
  if (!*done) return survey_some();
  pass_->groups = config_.compaction == Compaction::kNewest
                      ? plan_compaction(*pass_->survey, config_, parts_.clock.now())
                      : plan_entity_retention(*pass_->survey, config_, retention_basis());
  look_again_ = true;
}

bool Upkeep::is_listed(const std::vector<ManifestSegment>& sources) const {
  return !std::ranges::search(parts_.keeper.manifest().segments, sources).empty();
}

void Upkeep::continue_pass() {
  look_again_ = true;
  if (pass_->outdated) return give_up_pass();
  if (pass_->next == pass_->groups.size()) return end_pass();
  CompactionGroup group = pass_->groups[pass_->next++];
  if (!is_listed(group.sources)) return try_rest(std::move(group.sources));
  if (std::ranges::any_of(group.sources, [this](const auto& s) { return is_skipped(s); })) {
    pass_->failed = true;
    return try_singly(std::move(group.sources));
  }
  Timestamp cleaned_at{};
  for (const ManifestSegment& source : group.sources) {
    const bool is_first_time =
        config_.compaction == Compaction::kNewest && source.cleaned_at == Timestamp{};
    cleaned_at = std::max(cleaned_at, is_first_time ? parts_.clock.now() : source.cleaned_at);
  }
  std::unique_ptr<RecordFilter> filter = filter_of(group);
  begin(
      {.sources = std::move(group.sources), .filter = std::move(filter), .cleaned_at = cleaned_at});
}

std::unique_ptr<RecordFilter> Upkeep::filter_of(CompactionGroup& group) const {
  LapsedRecords lapsed = lapsed_in(group.sources);
  if (config_.compaction == Compaction::kNewest) {
    for (CompactionGroup::Stretch& stretch : group.stretches) {
      stretch.drops_tombstones = stretch.drops_tombstones && !pass_->failed;
      stretch.unlinks = stretch.unlinks && !pass_->failed;
    }
    return std::make_unique<CompactionFilter>(
        CompactionFilter::Basis{.newest = pass_->survey->newest(),
                                .stretches = std::move(group.stretches),
                                .lapsed = std::move(lapsed)});
  }
  return std::make_unique<EntityRetentionFilter>(
      EntityRetentionFilter::Kept{
          .newest = pass_->survey->newest(),
          .by_count = config_.entity_records_max == 0 ? nullptr : pass_->survey->kept(),
          .floor = retention_floor(),
          .lapsed = std::move(lapsed)},
      std::move(group.stretches));
}

void Upkeep::end_pass() {
  if (!pass_->failed) parts_.counters.compactions += 1;
  surveyed_end_ = pass_->surveyed_end;
  old_end_ = pass_->old_end;
  next_old_pass_ =
      parts_.clock.monotonic() +
      std::max<std::chrono::seconds>(limits::kEntityAgePassMin, config_.entity_age / 8);
  pass_.reset();
  leave();
}

// What it found out is no answer to what is to be kept now.
void Upkeep::give_up_pass() {
  pass_.reset();
  look_again_ = true;
  leave();
}

bool Upkeep::is_for_outdated_pass() const { return !erasure_ && pass_ && pass_->outdated; }

// Retention was faster, or an erasure: what is left of them may hold what later ones replace.
void Upkeep::try_rest(std::vector<ManifestSegment> sources) {
  const std::vector<ManifestSegment>& listed = parts_.keeper.manifest().segments;
  const bool is_rest_left = listed.front().base_offset < sources.back().end_offset;
  if (!is_rest_left) return;
  pass_->failed = true;
  std::erase_if(sources, [this](const ManifestSegment& source) { return !is_listed({source}); });
  add_singly(sources);
}

// One of some neighbours is damaged as a whole: the others do not wait for it.
void Upkeep::try_singly(std::vector<ManifestSegment> sources) {
  if (sources.size() > 1) add_singly(sources);
}

void Upkeep::add_singly(const std::vector<ManifestSegment>& sources) {
  std::vector<CompactionGroup> singles;
  for (const ManifestSegment& source : sources)
    singles.push_back({.sources = {source}, .stretches = {{.end = source.end_offset}}});
  pass_->groups.insert(pass_->groups.begin() + static_cast<std::ptrdiff_t>(pass_->next),
                       std::make_move_iterator(singles.begin()),
                       std::make_move_iterator(singles.end()));
}

}  // namespace bimip::engine
