#include "tools/log/partition_check.h"

#include <algorithm>

#include "engine/format/file_names.h"

namespace bimip::log_tools {
namespace {

constexpr const char* kRebuilt =
    "nothing is lost: it is derived. Remove it, and the server makes it "
    "again from the log";

}  // namespace

PartitionCheck::PartitionCheck(const PartitionPlace& place, Depth depth)
    : place_(place),
      depth_(depth),
      tables_(place.segments.size()),
      facts_(place.segments.size()),
      errors_(place.segments.size()),
      entities_(place, [this](Finding finding) { report(std::move(finding)); }) {
  read_losses();
  for (std::size_t i = 0; i < place_.segments.size(); ++i) read_tables(i);
  entities_.check_base();
}

SegmentTask PartitionCheck::task(std::size_t segment,
                                 std::atomic<std::uint64_t>& bytes_read) const {
  SegmentIdentity identity = place_.identity;
  identity.epoch = place_.segments[segment].epoch;
  const SegmentPlace& place = place_.segments[segment];
  SegmentTask task{.place = place,
                   .identity = identity,
                   .sealed = place.listed && place.listed->state == SegmentState::kSealed,
                   .depth = depth_,
                   .bytes_read = &bytes_read};
  if (const auto& checkpoint = tables_[segment].checkpoint)
    task.waypoint = checkpoint->tail.position;
  if (depth_ == Depth::kRecords) {
    for (const SegmentTables& tables : tables_) {
      if (tables.producers) task.producers.push_back(&*tables.producers);
      if (tables.checkpoint) task.producers.push_back(&tables.checkpoint->producers);
    }
  }
  return task;
}

void PartitionCheck::set_facts(std::size_t segment, Result<SegmentFacts> facts) {
  if (facts) {
    facts_[segment] = std::move(*facts);
  } else {
    errors_[segment] = std::move(facts.error());
  }
}

Result<std::vector<Finding>> PartitionCheck::compare() {
  for (std::size_t i = 0; i < size(); ++i) {
    if (errors_[i] && errors_[i]->code == ErrorCode::kIo && place_.segments[i].exists)
      return std::unexpected(*errors_[i]);
    if (errors_[i]) {
      judge_missing(i);
    } else {
      compare_segment(i);
    }
  }
  if (depth_ == Depth::kRecords) entities_.check_chains(records_gone());
  if (place_.manifest && size() == place_.manifest->segments.size() && size() > 0) {
    const Offset start = place_.manifest->log_start;
    const Offset base = place_.manifest->segments.front().base_offset;
    std::optional<Offset> end;
    for (std::size_t i = 0; i < size(); ++i) end = std::max(end, end_of(i));
    if (start < base || (end && start > *end)) {
      report({.file = place_.folder / file_names::kManifest,
              .what = "the log starts at offset " + std::to_string(start.value()) +
                      ", which no segment holds",
              .next = "put the manifest back from a backup"});
    }
  }
  return std::move(findings_);
}

// Of the offsets that the segments span.
std::uint64_t PartitionCheck::records_gone() const {
  std::uint64_t gone = 0;
  for (const std::optional<SegmentFacts>& facts : facts_) {
    if (!facts) continue;
    const std::uint64_t span = facts->tail.next_offset - facts->start.next_offset;
    gone += span - std::min(span, facts->totals.record_count);
  }
  return gone;
}

bool PartitionCheck::is_sealed(std::size_t segment) const {
  const auto& listed = place_.segments[segment].listed;
  if (listed) return listed->state == SegmentState::kSealed;
  return facts_[segment] && facts_[segment]->footer;
}

bool PartitionCheck::is_prepared(std::size_t segment) const {
  const auto& listed = place_.segments[segment].listed;
  if (listed) return listed->state == SegmentState::kPrepared;
  return facts_[segment] && facts_[segment]->header_is_zero && facts_[segment]->blocks == 0 &&
         segment > 0 && segment + 1 == size();
}

std::optional<Offset> PartitionCheck::end_of(std::size_t segment) const {
  const auto& listed = place_.segments[segment].listed;
  if (listed && listed->state == SegmentState::kSealed) return listed->end_offset;
  if (!facts_[segment]) return listed ? std::optional(listed->base_offset) : std::nullopt;
  if (facts_[segment]->footer) return facts_[segment]->footer->end_offset;
  return facts_[segment]->tail.next_offset;
}

// Where the offsets of damage end that reaches to the segment's end.
Offset PartitionCheck::lost_end(std::size_t segment) const {
  if (is_sealed(segment) || facts_[segment]->footer) return *end_of(segment);
  return known_durable(segment);
}

// Everything below was durable, as files other than the segment prove.
Offset PartitionCheck::known_durable(std::size_t segment) const {
  Offset durable(0);
  if (is_sealed(segment)) durable = end_of(segment).value_or(durable);
  if (const auto& footer = facts_[segment]->footer) durable = std::max(durable, footer->end_offset);
  if (const auto& checkpoint = tables_[segment].checkpoint)
    durable = std::max(durable, checkpoint->tail.next_offset);
  for (std::size_t later = segment + 1; later < size(); ++later) {
    if (facts_[later] && facts_[later]->header)
      durable = std::max(durable, facts_[later]->header->base_offset);
  }
  return durable;
}

// What a salvage could not bring back, and said so.
void PartitionCheck::read_losses() {
  const Path path = place_.folder / file_names::kLosses;
  const Result<std::vector<std::byte>> bytes = read_whole(path, kTableBytesMax);
  if (!bytes && bytes.error().code == ErrorCode::kNotFound) return;
  Result<LossTable> losses = bytes ? decode_losses(place_.identity, *bytes)
                                   : Result<LossTable>(std::unexpected(bytes.error()));
  if (losses) {
    losses_ = std::move(*losses);
    return;
  }
  report({.file = path,
          .from = FilePosition(0),
          .what = losses.error().message,
          .next = "no record is lost by this: it says which gaps were known. Put it back from a "
                  "backup, or keep the report of the salvage"});
}

void PartitionCheck::read_tables(std::size_t segment) {
  const auto& listed = place_.segments[segment].listed;
  const SegmentState state = listed ? listed->state : SegmentState::kSealed;
  if (state == SegmentState::kSealed) read_index(segment);
  if (state == SegmentState::kSealed) entities_.open_directory(place_.segments[segment]);
  if (state == SegmentState::kSealed) read_producers(segment);
  if (state == SegmentState::kActive) read_checkpoint(segment);
}

void PartitionCheck::read_index(std::size_t segment) {
  const SegmentPlace& place = place_.segments[segment];
  const Path path = place_.folder / file_names::index(place.epoch);
  Result<std::vector<std::byte>> bytes = read_whole(path, kTableBytesMax);
  if (bytes) {
    tables_[segment].index = std::move(*bytes);
  } else if (place.listed && !(is_live() && !is_listed_now(place_, place.epoch))) {
    report({.file = path,
            .what = bytes.error().code == ErrorCode::kNotFound ? "the index is missing"
                                                               : bytes.error().message,
            .next = "nothing is lost: the server makes it again from the log"});
  }
}

void PartitionCheck::read_checkpoint(std::size_t segment) {
  const SegmentPlace& place = place_.segments[segment];
  const std::string name = file_names::checkpoint(place.epoch);
  const Path path = place_.folder / name;
  Result<std::vector<std::byte>> bytes = read_table(place_, name);
  if (!bytes && bytes.error().code == ErrorCode::kNotFound) return;  // a young segment has none
  SegmentIdentity identity = place_.identity;
  identity.epoch = place.epoch;
  Result<Checkpoint> checkpoint = bytes ? decode_checkpoint(identity, *bytes)
                                        : Result<Checkpoint>(std::unexpected(bytes.error()));
  if (!checkpoint) {
    report(
        {.file = path,
         .from = FilePosition(0),
         .what = checkpoint.error().message,
         .next = "nothing is lost: the server reads the whole segment instead and writes it anew"});
    return;
  }
  check_producers(checkpoint->producers, path, checkpoint->tail.next_offset);
  entities_.open_runs(place, *checkpoint);
  tables_[segment].checkpoint = std::move(*checkpoint);
}

// There is one table of producers, and it covers the sealed segments up to the newest.
void PartitionCheck::read_producers(std::size_t segment) {
  if (!place_.manifest) return;
  const SegmentPlace& place = place_.segments[segment];
  const std::vector<ManifestSegment>& listed = place_.manifest->segments;
  const auto here = std::ranges::find(listed, place.epoch, &ManifestSegment::epoch);
  if (here == listed.end() || std::next(here) == listed.end() ||
      std::next(here)->state == SegmentState::kSealed)
    return;
  const std::string name = file_names::producers(place_.manifest->producers);
  const Path path = place_.folder / name;
  Result<std::vector<std::byte>> bytes = read_table(place_, name);
  SegmentIdentity identity = place_.identity;
  identity.epoch = place_.manifest->producers;
  Result<ProducerState> state = bytes ? decode_producer_state(identity, *bytes)
                                      : Result<ProducerState>(std::unexpected(bytes.error()));
  if (!state) {
    report({.file = path,
            .from = bytes ? std::optional(FilePosition(0)) : std::nullopt,
            .what = bytes ? state.error().message : "the table of producers is missing",
            .next = kRebuilt});
    return;
  }
  check_producers(*state, path, here->end_offset);
  tables_[segment].producers = std::move(*state);
}

void PartitionCheck::check_producers(const ProducerState& state, const Path& path, Offset end) {
  const auto beyond = [&](Offset offset) {
    report({.file = path,
            .what = "claims offset " + std::to_string(offset.value()) +
                    ", behind the end of what it covers, " + std::to_string(end.value()),
            .next = kRebuilt});
  };
  for (const ProducerEntry& producer : state.producers) {
    for (const ProducerRun& run : producer.runs) {
      if (run.first_offset + run.count > end) return beyond(run.first_offset + run.count - 1);
    }
  }
  for (const IdempotencyEntry& key : state.idempotency_keys) {
    if (key.offset >= end) return beyond(key.offset);
  }
  for (const HeldRecord& held : state.held) {
    if (held.offset >= end) return beyond(held.offset);
  }
}

void PartitionCheck::report(Finding finding) {
  finding.topic = place_.topic;
  if (place_.has_identity) finding.partition = place_.identity.partition;
  findings_.push_back(std::move(finding));
}

}  // namespace bimip::log_tools
