#include "tools/log/salvage/partition_plan.h"

#include <algorithm>

#include "tools/log/salvage/block_choice.h"
#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

class Planner {
 public:
  explicit Planner(const PartitionEvidence& evidence) : evidence_(evidence) {
    plan_.identity = evidence.identity;
    plan_.next_epoch = evidence.last_epoch + 1;
  }

  PartitionPlan run() {
    Choice choice = choose_blocks(evidence_);
    plan_.doubts = std::move(choice.doubts);
    plan_.superseded = choice.superseded;
    for (const auto& [base, candidate] : choice.log) plan_.blocks.push_back(candidate.block);
    durable_ = proven_durable();
    choose_start();
    cut_unproven_tail();
    choose_end();
    find_gaps();
    choose_producers();
    for (const FileEvidence* base : evidence_.entity_bases) {
      const bool knows_more =
          plan_.entity_base == nullptr ||
          base->entity_base->end_offset > plan_.entity_base->entity_base->end_offset;
      if (knows_more) plan_.entity_base = base;
    }
    return std::move(plan_);
  }

 private:
  // Every offset below was durable: some block, header, footer or table was made after that.
  Offset proven_durable() const {
    Offset durable(0);
    const auto at_least = [&](Offset offset) { durable = std::max(durable, offset); };
    for (const Candidate& candidate : evidence_.blocks)
      at_least(candidate.block->header.durable_offset);
    for (const SegmentHeader* header : evidence_.headers) at_least(header->base_offset);
    for (const SegmentFooter* footer : evidence_.footers) at_least(footer->end_offset);
    for (const Checkpoint* checkpoint : evidence_.checkpoints)
      at_least(checkpoint->tail.next_offset);
    for (const IndexSpan& index : evidence_.indexes) at_least(index.last + 1);
    for (const Loss& loss : evidence_.losses) at_least(loss.offsets.end);
    if (evidence_.manifest != nullptr) {
      at_least(evidence_.manifest->log_start);
      for (const ManifestSegment& segment : evidence_.manifest->segments)
        at_least(std::max(segment.base_offset, segment.end_offset));
    }
    for (const ProducerState* state : evidence_.producers) at_least(claimed_until(*state));
    return durable;
  }

  // One past the last offset that the table names.
  static Offset claimed_until(const ProducerState& state) {
    Offset end(0);
    for (const ProducerEntry& producer : state.producers) {
      for (const ProducerRun& run : producer.runs)
        end = std::max(end, run.first_offset + run.count);
    }
    for (const IdempotencyEntry& key : state.idempotency_keys) end = std::max(end, key.offset + 1);
    return end;
  }

  // The least offset that anything still speaks of.
  Offset least_known() const {
    Offset least = plan_.blocks.empty() ? durable_ : plan_.blocks.front()->header.base_offset;
    for (const SegmentHeader* header : evidence_.headers)
      least = std::min(least, header->base_offset);
    for (const SegmentFooter* footer : evidence_.footers)
      least = std::min(least, footer->base_offset);
    for (const IndexSpan& index : evidence_.indexes) least = std::min(least, index.first);
    return least;
  }

  // The manifest knows of every segment that was begun.
  bool is_manifest_current() const {
    return evidence_.manifest != nullptr && evidence_.last_epoch < evidence_.manifest->next_epoch;
  }

  void choose_start() {
    const Offset stated = evidence_.manifest != nullptr ? evidence_.manifest->log_start : Offset(0);
    if (is_manifest_current() || !evidence_.may_have_lost_its_start) {
      plan_.log_start = stated;
    } else {
      plan_.log_start = std::max(stated, least_known());
      if (plan_.log_start > stated) {
        plan_.notes.push_back("offsets below " + std::to_string(plan_.log_start.value()) +
                              " may have been removed by retention or lost: nothing says which");
      }
    }
    std::erase_if(plan_.blocks, [&](const BlockEvidence* block) {
      return block->header.end_offset() <= plan_.log_start;
    });
  }

  // Behind a hole of which nothing proves that it was ever durable nothing was acknowledged: as the
  // server would, the log ends before it.
  void cut_unproven_tail() {
    Offset expected = plan_.log_start;
    for (auto at = plan_.blocks.begin(); at != plan_.blocks.end(); ++at) {
      const BlockHeader& header = (*at)->header;
      if (header.base_offset > expected && durable_ <= expected) {
        for (auto cut = at; cut != plan_.blocks.end(); ++cut) {
          plan_.doubts.push_back(
              {.block = *cut,
               .why = "stands behind a hole, and nothing proves that it was ever acknowledged"});
        }
        plan_.blocks.erase(at, plan_.blocks.end());
        return;
      }
      expected = header.end_offset();
    }
  }

  void choose_end() {
    plan_.log_end = std::max(plan_.log_start, durable_);
    if (!plan_.blocks.empty())
      plan_.log_end = std::max(plan_.log_end, plan_.blocks.back()->header.end_offset());
  }

  void find_gaps() {
    Offset expected = plan_.log_start;
    std::optional<Timestamp> newest;
    for (const BlockEvidence* block : plan_.blocks) {
      const BlockHeader& header = block->header;
      if (header.base_offset > expected) add_gap({expected, header.base_offset}, newest);
      expected = std::max(expected, header.end_offset());
      if (header.record_count == 0) continue;
      for (auto gap = plan_.gaps.rbegin(); gap != plan_.gaps.rend() && !gap->before; ++gap)
        gap->before = header.first_timestamp;
      newest = std::max(newest.value_or(header.last_timestamp), header.last_timestamp);
    }
    if (plan_.log_end > expected) add_gap({expected, plan_.log_end}, newest);
  }

  // In parts, where an earlier salvage knew of some of it.
  void add_gap(OffsetRange range, std::optional<Timestamp> after) {
    for (const Loss& loss : evidence_.losses) {
      const OffsetRange known{std::max(range.first, loss.offsets.first),
                              std::min(range.end, loss.offsets.end)};
      if (known.first >= known.end) continue;
      if (range.first < known.first) push_gap({range.first, known.first}, after, {});
      push_gap(known, after, loss.recorded_at);
      range.first = known.end;
    }
    if (range.first < range.end) push_gap(range, after, {});
  }
  void push_gap(OffsetRange range, std::optional<Timestamp> after,
                std::optional<Timestamp> recorded_at) {
    plan_.gaps.push_back({.offsets = range,
                          .was_durable = range.end <= durable_,
                          .after = after,
                          .before = {},
                          .recorded_at = recorded_at});
  }

  void choose_producers() {
    for (const ProducerState* state : evidence_.producers) take_producers(*state, Offset(0));
    for (const Checkpoint* checkpoint : evidence_.checkpoints)
      take_producers(checkpoint->producers, checkpoint->tail.next_offset);
  }
  // Records behind the last one that a table names were no producer's, as far as it goes.
  void take_producers(const ProducerState& state, Offset stated_end) {
    const Offset end = std::max(claimed_until(state), stated_end);
    if (end < plan_.producers_until || end == Offset(0)) return;
    plan_.producers_until = end;
    plan_.producers = state;
  }

  const PartitionEvidence& evidence_;
  PartitionPlan plan_;
  Offset durable_{};
};

}  // namespace

PartitionPlan plan_partition(const PartitionEvidence& evidence) { return Planner(evidence).run(); }

}  // namespace bimip::log_tools
