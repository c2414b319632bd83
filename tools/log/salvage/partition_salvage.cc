#include "tools/log/salvage/partition_salvage.h"

#include <algorithm>

#include "engine/entity/entity_table.h"
#include "engine/format/file_names.h"
#include "engine/partition/held_records.h"
#include "engine/partition/producer_table.h"
#include "tools/log/salvage/block_source.h"
#include "tools/log/segment_writer.h"

namespace bimip::log_tools {
namespace {

// Gathers what is told of the records that are carried over.
class Inspector {
 public:
  explicit Inspector(const PartitionPlan& plan) : plan_(plan), producers_(plan.producers) {
    for (const Gap& gap : plan.gaps) {
      GapReport& report = outcome_.gaps.emplace_back(GapReport{.gap = gap});
      name_producers(report);
    }
  }

  Status add(const BlockHeader& header, Bytes block) {
    RecordCursor records(header, block);
    while (!records.done()) {
      const Result<Record> record = records.next();
      if (!record)
        return fail_at("offset " + std::to_string(header.base_offset.value()), record.error());
      ++outcome_.records;
      const Timestamp time = record->timestamp;
      outcome_.oldest = std::min(outcome_.oldest.value_or(time), time);
      outcome_.newest = std::max(outcome_.newest.value_or(time), time);
      if (record->offset >= plan_.producers_until)
        producers_.add(*record, record->offset, record->timestamp);
      held_.add(*record, record->offset);
      if (record->entity && !outcome_.gaps.empty()) note_entity(*record);
    }
    outcome_.payload_bytes += header.payload_bytes;
    return {};
  }

  [[nodiscard]] ProducerState producers() {
    ProducerState state = producers_.snapshot();
    held_.settle();
    state.held = held_.snapshot();
    return state;
  }
  [[nodiscard]] PartitionOutcome take(const EntityBaseCopy& base) {
    outcome_.forgotten = base.forgotten();
    return std::move(outcome_);
  }

 private:
  void name_producers(GapReport& report) const {
    const OffsetRange& gap = report.gap.offsets;
    for (const ProducerEntry& producer : plan_.producers.producers) {
      for (const ProducerRun& run : producer.runs) {
        const Offset first = std::max(gap.first, run.first_offset);
        const Offset end = std::min(gap.end, run.first_offset + run.count);
        if (first >= end) continue;
        report.producers.emplace_back(
            producer.id, ProducerRun{.first_number = run.first_number + (first - run.first_offset),
                                     .first_offset = first,
                                     .count = end - first});
      }
    }
  }

  void note_entity(const Record& record) {
    const EntityHash hash = entity_hash(plan_.identity.store, record.key);
    const std::optional<EntityRecord> before =
        entities_.put(hash, {.increment = record.entity->increment, .offset = record.offset});
    if (!record.entity->previous) return;
    note_key(record, {.first = before ? before->increment + 1 : IncrementId(1),
                      .end = record.entity->increment});
  }

  // Whether the record before this one of the same key is lost.
  void note_key(const Record& record, const IncrementRange& missing) {
    const Offset previous = *record.entity->previous;
    const auto gap = std::ranges::upper_bound(outcome_.gaps, previous, {},
                                              [](const GapReport& g) { return g.gap.offsets.end; });
    if (gap == outcome_.gaps.end() || gap->gap.offsets.first > previous) return;
    std::string key(as_text(record.key));
    if (gap->keys.contains(key)) return;
    if (gap->keys.size() < kKeysNamedMax) {
      gap->keys.emplace(std::move(key), missing);
    } else {
      ++gap->keys_unnamed;
    }
  }

  const PartitionPlan& plan_;
  ProducerTable producers_;
  HeldRecords held_;      // by the records themselves
  EntityTable entities_;  // the newest record of each so far; only of a log with gaps
  PartitionOutcome outcome_;
};

// Calls `on_block` for each block of the plan, in order.
template <typename OnBlock>
Status read_blocks(const PartitionTask& task, Inspector& inspector, OnBlock on_block) {
  BlockSource source(task.evidence);
  for (const BlockEvidence* block : task.plan.blocks) {
    Result<Bytes> bytes = source.read(*block);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    if (Status done = inspector.add(block->header, *bytes); !done) return done;
    if (Status done = on_block(block->header, *bytes); !done) return done;
    task.bytes_done += bytes->size();
  }
  return {};
}

class PartitionWriter {
 public:
  PartitionWriter(const PartitionTask& task, const PartitionTarget& target)
      : task_(task), target_(target), inspector_(task.plan) {
    const PartitionPlan& plan = task.plan;
    manifest_ = {.partition = plan.identity,
                 .version = 1,
                 .next_epoch = plan.next_epoch,
                 .log_start = plan.log_start,
                 .segments = {}};
    tail_.next_offset = log_begin(plan);
  }

  Result<PartitionOutcome> run() {
    Status done = read_blocks(task_, inspector_, [this](const BlockHeader& header, Bytes block) {
      return add(header, block);
    });
    if (done) done = leave_open(task_.plan.log_end);
    if (done) done = close();
    if (done) done = begin_active();
    if (!done) return std::unexpected(std::move(done.error()));
    const Result<EntityBaseCopy> base = EntityBaseCopy::read(task_.plan);
    if (!base) return std::unexpected(base.error());
    done = write_tables(*base);
    if (!done) return std::unexpected(std::move(done.error()));
    return inspector_.take(*base);
  }

 private:
  SegmentIdentity identity(Epoch epoch) const {
    SegmentIdentity identity = task_.plan.identity;
    identity.epoch = epoch;
    return identity;
  }
  SegmentWriter::Place next_place() {
    const Epoch epoch = manifest_.next_epoch;
    manifest_.next_epoch = epoch + 1;
    return {.folder = target_.folder,
            .identity = identity(epoch),
            .start = tail_,
            .created_at = task_.now};
  }

  Status open() {
    if (segment_ != nullptr) return {};
    Result<std::unique_ptr<SegmentWriter>> segment =
        SegmentWriter::create(target_.device, next_place());
    if (!segment) return std::unexpected(std::move(segment.error()));
    segment_ = std::move(*segment);
    return {};
  }

  Status add(const BlockHeader& header, Bytes block) {
    const bool fits =
        segment_ == nullptr || segment_->bytes() + block.size() <= target_.segment_bytes;
    if (!fits) {
      if (Status done = close(); !done) return done;
    }
    if (Status done = open(); !done) return done;
    return segment_->add(header, block);
  }

  // A gap at the end belongs to the last segment.
  Status leave_open(Offset end) {
    const Offset next = segment_ != nullptr ? segment_->next_offset() : tail_.next_offset;
    if (end <= next) return {};
    if (Status done = open(); !done) return done;
    segment_->leave_open(end);
    return {};
  }

  Status close() {
    if (segment_ == nullptr) return {};
    Result<ManifestSegment> sealed = segment_->seal();
    if (!sealed) return std::unexpected(std::move(sealed.error()));
    tail_ = segment_->tail();
    manifest_.segments.push_back(*sealed);
    segment_.reset();
    return {};
  }

  Status begin_active() {
    const SegmentWriter::Place place = next_place();
    manifest_.segments.push_back({.epoch = place.identity.epoch,
                                  .state = SegmentState::kActive,
                                  .base_offset = tail_.next_offset});
    return write_empty_segment(target_.device, place);
  }

  Status write_tables(const EntityBaseCopy& base) {
    Status done;
    const std::size_t sealed = manifest_.segments.size() - 1;
    if (sealed > 0) {
      manifest_.producers = manifest_.segments[sealed - 1].epoch;
      done = replace_file(
          target_.device, target_.folder / file_names::producers(manifest_.producers),
          encode_producer_state(identity(manifest_.producers), inspector_.producers()));
    }
    LossTable losses;
    for (const Gap& gap : task_.plan.gaps)
      losses.push_back(
          {.offsets = gap.offsets, .recorded_at = gap.recorded_at.value_or(task_.now)});
    if (done && !losses.empty()) {
      done = replace_file(target_.device, target_.folder / file_names::kLosses,
                          encode_losses(task_.plan.identity, losses));
    }
    if (done) done = base.write(target_.device, target_.folder, manifest_.segments);
    if (done) {
      done = replace_file(target_.device, target_.folder / file_names::kManifest,
                          encode_manifest(manifest_));
    }
    return done;
  }

  const PartitionTask& task_;
  const PartitionTarget& target_;
  Inspector inspector_;
  Manifest manifest_;
  LogTail tail_{};
  std::unique_ptr<SegmentWriter> segment_;
};

}  // namespace

Result<PartitionOutcome> inspect_partition(const PartitionTask& task) {
  Inspector inspector(task.plan);
  const Status done =
      read_blocks(task, inspector, [](const BlockHeader&, Bytes) { return Status{}; });
  if (!done) return std::unexpected(done.error());
  const Result<EntityBaseCopy> base = EntityBaseCopy::read(task.plan);
  if (!base) return std::unexpected(base.error());
  return inspector.take(*base);
}

Result<PartitionOutcome> write_partition(const PartitionTask& task, const PartitionTarget& target) {
  return PartitionWriter(task, target).run();
}

}  // namespace bimip::log_tools
