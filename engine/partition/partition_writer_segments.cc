// How the writer gets room: extending the active segment, preparing the next, rolling, sealing,
// checkpoints.
#include <algorithm>

#include "engine/base/assert.h"
#include "engine/partition/partition_writer.h"

namespace bimip::engine {

// Whether a block of this length can be written now. When not, what is needed has been started.
bool PartitionWriter::make_room(std::size_t block_bytes) {
  const FilePosition end = tail_.position + block_bytes;
  const std::uint64_t blocks_end_max =
      config_.segment_bytes - limits::kSectorBytes;  // the footer's place
  if (end.value() > blocks_end_max && totals_.record_count > 0) {
    start_roll();
    return false;
  }
  if (end > space_.allocated_end) {
    extend(block_bytes);
    return false;
  }
  const bool may_grow = space_.allocated_end.value() < config_.segment_bytes;
  if (may_grow && space_.allocated_end - end < extend_bytes() / 2) extend(block_bytes);
  if (end.value() > config_.segment_bytes / 2) prepare_next();
  return true;
}

ZeroAhead PartitionWriter::zero_ahead() const {
  if (is_young()) return ZeroAhead::kNo;
  return mean_block_bytes_ < limits::kZeroAheadBelowCommitBytes ? ZeroAhead::kYes : ZeroAhead::kNo;
}

// Whether nearly nothing was written yet, and perhaps not much ever will be.
bool PartitionWriter::is_young() const {
  return tail_.position.value() < limits::kExtendBytesYoung;
}

// Grows with the segment, so that ten thousand quiet partitions reserve little and a busy one
// seldom asks.
std::uint64_t PartitionWriter::extend_bytes() const {
  const std::uint64_t least = is_young() ? limits::kExtendBytesYoung : limits::kExtendBytesMin;
  const std::uint64_t bytes = std::clamp(tail_.position.value(), least, limits::kExtendBytesMax);
  return bytes / limits::kSectorBytes * limits::kSectorBytes;
}

void PartitionWriter::extend(std::size_t block_bytes) {
  if (extending_) return;
  if (no_space_) {
    if (parts_.clock.monotonic() < space_retry_at_) {
      if (tail_.position + block_bytes > space_.allocated_end) refuse_pending(*no_space_);
      return;
    }
    no_space_.reset();
  }
  extending_ = true;
  const std::uint64_t missing = (tail_.position + block_bytes > space_.allocated_end)
                                    ? tail_.position + block_bytes - space_.allocated_end
                                    : 0;
  const std::uint64_t left =
      config_.segment_bytes - std::min(config_.segment_bytes, space_.allocated_end.value());
  std::uint64_t bytes = std::max(missing, std::min(extend_bytes(), left));
  bytes = (bytes + limits::kSectorBytes - 1) / limits::kSectorBytes * limits::kSectorBytes;
  auto grown = std::make_shared<FilePosition>(space_.allocated_end);
  run_job({.work = [keeper = keeper_.get(), space = space_, bytes, zero = zero_ahead(),
                    grown]() -> Status {
             Result<FilePosition> end = keeper->extend(space, bytes, zero);
             if (!end) return std::unexpected(std::move(end.error()));
             *grown = *end;
             return {};
           },
           .done =
               [this, epoch = space_.epoch, grown](Status status) {
                 extending_ = false;
                 if (!status) return out_of_space(std::move(status.error()));
                 if (space_.epoch == epoch) space_.allocated_end = *grown;
               }});
}

void PartitionWriter::prepare_next() {
  if (prepared_ || preparing_ || next_header_) return;
  if (blocked_seal_) {
    if (!no_space_)
      no_space_ = Error{ErrorCode::kNoSpace, "there was no room to seal the segment before"};
    return;
  }
  if (no_space_ && parts_.clock.monotonic() < space_retry_at_) return;
  no_space_.reset();
  preparing_ = true;
  const std::uint64_t whole = config_.segment_bytes / limits::kSectorBytes * limits::kSectorBytes;
  const SegmentKeeper::Space space{
      .bytes = std::max(limits::kExtendBytesMin, std::min(extend_bytes(), whole)),
      .segment_bytes = whole,
      .zero = zero_ahead()};
  auto made = std::make_shared<std::optional<SegmentSpace>>();
  run_job({.work = [keeper = keeper_.get(), space, made]() -> Status {
             Result<SegmentSpace> prepared = keeper->prepare(space);
             if (!prepared) return std::unexpected(std::move(prepared.error()));
             *made = std::move(*prepared);
             return {};
           },
           .done =
               [this, made](Status status) {
                 preparing_ = false;
                 if (!status) return out_of_space(std::move(status.error()));
                 prepared_ = std::move(**made);
               }});
}

// A job could not get what it needed. A full device is no damage: nothing was written; it is asked
// again later.
void PartitionWriter::out_of_space(Error error) {
  if (!is_shortage(error)) return degrade(std::move(error));
  parts_.troubles.shortages.fetch_add(1, std::memory_order_relaxed);
  no_space_ = std::move(error);
  space_retry_at_ = parts_.clock.monotonic() + limits::kSpaceRetry;
  if (phase_ == Phase::kPreparing) give_up_roll();
}

// Does not put off the next attempt: whoever asks often would never get one.
void PartitionWriter::give_up_roll() {
  phase_ = Phase::kWriting;
  refuse_pending(*no_space_);
}

void PartitionWriter::start_roll() {
  if (phase_ != Phase::kWriting) return;
  phase_ = Phase::kDraining;
  advance_roll();
}

// The new segment's header says that all of the old one is durable; so the roll waits until it is.
void PartitionWriter::advance_roll() {
  if (degraded_) return;
  if (phase_ == Phase::kDraining && in_flight_ == 0) {
    if (durable_end_ < written_end_) return start_sync();
    if (!syncing_) phase_ = Phase::kPreparing;
  }
  if (phase_ != Phase::kPreparing) return;
  if (prepared_ && !extending_) return begin_segment();
  prepare_next();
  if (no_space_ && !preparing_) give_up_roll();
}

void PartitionWriter::begin_segment() {
  phase_ = Phase::kBeginning;
  next_header_ = SegmentHeader{.identity = keeper_->identity(prepared_->epoch),
                               .base_offset = tail_.next_offset,
                               .first_block = tail_.next_block,
                               .previous = tail_.previous,
                               .created_at = stamp()};
  Result<FileSlot> slot = parts_.queue.attach(prepared_->file);
  if (!slot) return degrade(std::move(slot.error()));
  parts_.queue.detach(*slot_);
  slot_ = *slot;

  Commit& commit = next_commit();
  commit.kind = CommitKind::kSegmentHeader;
  commit.memory = std::make_shared<Buffer>(parts_.pool.take(limits::kSectorBytes));
  encode_segment_header(*next_header_, commit.memory->bytes().first(limits::kSectorBytes));
  commit.operation.kind = DeviceOperation::Kind::kWrite;
  commit.operation.durability = WriteDurability::kDurable;
  commit.operation.file = *slot_;
  commit.operation.position = FilePosition(0);
  commit.operation.bytes = commit.memory->bytes().first(limits::kSectorBytes);
  submit(commit);
}

// The next segment's header is durable: it is the active one now.
void PartitionWriter::segment_begun() {
  SegmentKeeper::Seal seal{
      .header = active_->header(),
      .file = active_->file(),
      .tail = tail_,
      .totals = totals_,
      .index = active_->entries(),
      .producers = remembered(),
      .keyed = planned_checkpoint_ ? std::max(keyed_, planned_keyed_) : keyed_};
  keyed_ = SegmentKeeper::Keyed::kNone;
  const SegmentHeader header = *next_header_;
  next_header_.reset();
  space_ = std::move(*prepared_);
  prepared_.reset();
  tail_.position = FilePosition(limits::kSectorBytes);
  totals_ = {};
  since_checkpoint_ = 0;
  planned_checkpoint_.reset();
  active_ = std::make_shared<ActiveSegment>(header, space_.file, IndexBuilder(), tail_.position);
  reader_.rolled(active_);
  phase_ = Phase::kWriting;
  seal_behind(std::make_shared<SealWork>(std::move(seal), header));
}

void PartitionWriter::seal_behind(std::shared_ptr<SealWork> work) {
  run_job({.work = [keeper = keeper_.get(), work] { return keeper->seal(work->seal, work->next); },
           .done =
               [this, work](Status status) {
                 if (status) {
                   const Epoch epoch = work->seal.header.identity.epoch;
                   reader_.sealed(*std::ranges::find(keeper_->manifest().segments, epoch,
                                                     &ManifestSegment::epoch));
                   upkeep_.changed();
                   return;
                 }
                 // Every step of it can be repeated: tick() does. Until then there is no next
                 // segment to roll to.
                 if (is_shortage(status.error())) blocked_seal_ = work;
                 out_of_space(std::move(status.error()));
               }});
}

// Often enough that an open reads little; seldom enough that the syncs of a checkpoint do not hold
// up commits, and that what it writes is little beside the log.
bool PartitionWriter::checkpoint_due() const {
  if (phase_ != Phase::kWriting || planned_checkpoint_ || checkpointing_) return false;
  const std::uint64_t worth =
      std::max<std::uint64_t>(std::min(limits::kCheckpointBytes, config_.segment_bytes / 4),
                              4 * (producers_.snapshot_bytes() + held_.snapshot_bytes()));
  if (since_checkpoint_ < worth) return false;
  return closing_ || since_checkpoint_ >= limits::kCheckpointBytesMax ||
         parts_.clock.monotonic() - last_checkpoint_ >= limits::kCheckpointEvery;
}

void PartitionWriter::plan_checkpoint() {
  since_checkpoint_ = 0;
  last_checkpoint_ = parts_.clock.monotonic();
  planned_checkpoint_ = Checkpoint{.tail = tail_,
                                   .totals = totals_,
                                   .index = active_->entries(),
                                   .producers = remembered(),
                                   .entity_runs = {}};
  planned_keyed_ = std::exchange(keyed_, SegmentKeeper::Keyed::kNone);
}

void PartitionWriter::write_checkpoint() {
  checkpointing_ = true;
  auto work = std::make_shared<SegmentKeeper::CheckpointWork>(
      active_->header(), active_->file(), std::move(*planned_checkpoint_), planned_keyed_);
  planned_checkpoint_.reset();
  run_job({.work = [keeper = keeper_.get(),
                    work] { return keeper->write_checkpoint(std::move(*work)); },
           .done =
               [this, segment = active_](Status status) {
                 checkpointing_ = false;
                 if (!status) keyed_ = SegmentKeeper::Keyed::kSome;
                 if (status) {
                   segment->set_runs(keeper_->runs_of(segment->identity()));
                   if (keeper_->runs().epoch == segment->identity().epoch)
                     entities_.set_evictable_end(keeper_->runs().end_offset);
                 }
                 // Derived: without room for it, recovery reads more. Other errors are the
                 // device's.
                 if (!status && !is_shortage(status.error())) degrade(std::move(status.error()));
               }});
}

// Whoever removes or unmounts the folder takes the records along, and a write into an open file
// never fails for it. So it is looked at while there are writes.
void PartitionWriter::check_presence() {
  const std::chrono::nanoseconds now = parts_.clock.monotonic();
  if (last_activity_ <= last_presence_check_ || now - last_presence_check_ < limits::kPresenceEvery)
    return;
  last_presence_check_ = now;
  run_job({.work = [keeper = keeper_.get(),
                    epoch = space_.epoch] { return keeper->check_presence(epoch); },
           .done =
               [this](Status status) {
                 if (!status && !is_shortage(status.error())) degrade(std::move(status.error()));
               }});
}

// The keeper's work is done one job at a time, in order.
void PartitionWriter::run_job(KeeperJob job) {
  jobs_.push_back(std::move(job));
  if (!job_running_) start_next_job();
}

void PartitionWriter::start_next_job() {
  if (degraded_) jobs_.clear();  // each builds on the one before
  if (jobs_.empty()) return;
  job_running_ = true;
  keeper_->lend();
  auto job = std::make_shared<KeeperJob>(std::move(jobs_.front()));
  jobs_.pop_front();
  parts_.jobs.post([this, job] {
    auto status = std::make_shared<Status>(job->work());
    parts_.post([this, job, status] {
      keeper_->take_back();
      // It looks at the keeper, and what it wants of it waits until it has returned.
      if (!degraded_) job->done(std::move(*status));
      job_running_ = false;
      start_next_job();
      advance_roll();
      pump();
      if (closing_) tick();
    });
  });
}

}  // namespace bimip::engine
