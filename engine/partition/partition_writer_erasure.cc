// The writer's part in an erasure: it takes no more of the key, seals what there is of it, and
// forgets.
#include <algorithm>

#include "engine/partition/partition.h"
#include "engine/partition/partition_writer.h"

namespace bimip::engine {

void PartitionWriter::erase(EraseRequest& request) {
  if (degraded_) return request.on_erased(std::unexpected(*degraded_));
  upkeep_.erase(request);
}

ErasureHooks PartitionWriter::erasure_hooks() {
  return {.begin_refusing =
              [this](Bytes key) {
                erasing_.emplace(Erasing{});
                erasing_->key.assign(key.begin(), key.end());
                erasing_->accepted_before = accepted_;
              },
          .end_refusing = [this] { erasing_.reset(); },
          .all_sealed = [this] { return erased_is_sealed(); },
          .must_seal = [this] { erasing_->sealed_until = tail_.next_offset; },
          .forget_idempotency =
              [this](std::span<const Offset> offsets) {
                producers_.forget_keys(offsets);
                if (planned_checkpoint_) forget_keys(planned_checkpoint_->producers, offsets);
                if (blocked_seal_) forget_keys(blocked_seal_->seal.producers, offsets);
              },
          .forget_entity =
              [this](const EntityHash& entity) {
                entities_.forget(entity);
                const SegmentIdentity& partition = active_->identity();
                parts_.tail.drop(partition.topic, partition.partition);
              }};
}

bool PartitionWriter::is_being_erased(const AppendRequest& request) const {
  return erasing_ && std::ranges::any_of(request.records, [this](const RecordFields& fields) {
           return std::ranges::equal(fields.key, erasing_->key);
         });
}

// What was accepted before the refusal began is packed first; then the active segment, when it may
// have some of the key, makes way for the next. Of records that are held nobody knows whose they
// are.
Result<bool> PartitionWriter::erased_is_sealed() {
  if (accepted_ - pending_count_ < erasing_->accepted_before) return false;
  if (!erasing_->sealed_until) {
    erasing_->sealed_until = entities_.may_know(entities_.hash(erasing_->key)) || !held_.empty()
                                 ? tail_.next_offset
                                 : Offset(0);
  }
  const std::vector<ManifestSegment>& segments = keeper_->manifest().segments;
  const auto active = std::ranges::find(segments, SegmentState::kActive, &ManifestSegment::state);
  if (active != segments.end() && active->base_offset >= *erasing_->sealed_until) return true;
  if (no_space_) return std::unexpected(*no_space_);
  if (active_->base_offset() >= *erasing_->sealed_until) return false;  // being sealed
  if (!slot_) {
    want_files();
  } else {
    start_roll();
  }
  return false;
}

}  // namespace bimip::engine
