#include "engine/partition/partition_writer.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/partition/entity_reader.h"
#include "engine/partition/partition.h"

namespace bimip::engine {

PartitionWriter::PartitionWriter(WriterParts parts, const TopicConfig& config,
                                 RecoveredPartition recovered, PartitionReader& reader,
                                 EntityIndex& entities)
    : parts_(std::move(parts)),
      config_(config),
      reader_(reader),
      keeper_(std::move(recovered.keeper)),
      upkeep_(upkeep_parts(), config),
      space_{.epoch = recovered.active->identity().epoch,
             .file = nullptr,
             .allocated_end = recovered.allocated_end},
      active_(std::move(recovered.active)),
      tail_(recovered.tail),
      totals_(recovered.totals),
      producers_(std::move(recovered.producers)),
      held_(std::move(recovered.held)),
      entities_(entities),
      last_timestamp_(recovered.last_timestamp),
      prepared_(std::move(recovered.prepared)),
      written_end_(recovered.tail.next_offset),
      durable_end_(recovered.tail.next_offset),
      visible_end_(recovered.tail.next_offset),
      witnessed_(recovered.report.clean) {
  for (Commit& commit : commits_) commit.operation.owner = &parts_.partition;
  sync_operation_.owner = &parts_.partition;
  sync_operation_.kind = DeviceOperation::Kind::kSync;
  reader_.reset(keeper_->manifest(), active_, visible_end_);
  const Files files{.active = active_->file(), .prepared = prepared_ ? prepared_->file : nullptr};
  if (parts_.places.take(parts_.partition)) {
    files_opened(files);
  } else {
    active_->release_file();
    if (prepared_) prepared_->file.reset();
  }
  announce_due();
}

Upkeep::Parts PartitionWriter::upkeep_parts() {
  return {.device = parts_.device,
          .pool = parts_.pool,
          .clock = parts_.clock,
          .background = parts_.background,
          .budget = parts_.budget,
          .counters = parts_.counters,
          .keeper = *keeper_,
          .reader = reader_,
          .post = parts_.post,
          .run_keeper =
              [this](Upkeep::KeeperWork work, Upkeep::KeeperDone done) {
                run_job({.work = std::move(work), .done = std::move(done)});
              },
          .keeper_is_free = [this] { return !job_running_ && jobs_.empty(); },
          .active_bytes = [this] { return tail_.position.value(); },
          .degrade = [this](Error error) { degrade(std::move(error)); },
          .oldest_held = [this] { return held_.oldest(); },
          .held_in = [this](OffsetRange range) { return held_.in(range); },
          .erasure = erasure_hooks(),
          .housekeeping = parts_.housekeeping};
}

void PartitionWriter::accept(AppendRequest& request) {
  if (degraded_ || closing_) {
    const Error refusal = degraded_ ? *degraded_ : Error{ErrorCode::kClosed, "the log is closing"};
    request.target_->took(request);
    request.on_appended(std::unexpected(refusal));
    return;
  }
  if (request.is_withdrawn()) {
    request.target_->took(request);
    request.on_appended(
        fail(ErrorCode::kBusy, "an earlier request of the same caller was refused"));
    return;
  }
  if (is_being_erased(request)) {
    request.target_->took(request);
    request.on_appended(fail(ErrorCode::kBusy, "the key is being erased"));
    return;
  }
  pending_payload_ += request.payload_bytes_;
  ++pending_count_;
  ++accepted_;
  pending_.push_back(request);
}

void PartitionWriter::pump() {
  if (!slot_ && !pending_.empty()) want_files();
  while (slot_ && !yielding_ && !pending_.empty() && phase_ == Phase::kWriting &&
         in_flight_ < commits_.size() && !degraded_ && worth_committing() && entities_are_here() &&
         commit_some()) {
  }
}

// A commit costs the device about the same whatever it holds, until it is large. One is always
// under way; another joins it once it is large, or would carry as many answers: so requests gather
// instead of scattering over the commits in flight.
bool PartitionWriter::worth_committing() const {
  if (in_flight_ == 0 || pending_payload_ >= limits::kCommitWorthBytes) return true;
  const Commit& newest = commits_[(oldest_commit_ + in_flight_ - 1) % commits_.size()];
  return pending_count_ >= newest.answers.size();
}

// Whether every entity that the next commit appends to is known in memory. When not, they are being
// looked up: what waits keeps its order.
bool PartitionWriter::entities_are_here() {
  if (entities_.is_complete()) return true;
  if (looking_up_) return false;
  std::vector<EntityHash> missing;
  std::size_t payload = 0;
  pending_.visit([&](const AppendRequest& request) {
    for (const RecordFields& fields : request.records) {
      if (fields.key.empty()) continue;
      const EntityHash hash = entities_.hash(fields.key);
      if (!entities_.is_here(hash)) missing.push_back(hash);
    }
    payload += request.payload_bytes_;
    return payload < limits::kCommitPayloadBytes && missing.size() < limits::kColdLookupsMax;
  });
  if (missing.empty()) return true;
  look_up(std::move(missing));
  return false;
}

void PartitionWriter::look_up(std::vector<EntityHash> hashes) {
  looking_up_ = true;
  struct Lookup {
    std::vector<EntityHash> hashes;
    std::vector<EntityIndex::Learnt> learnt{};
    std::vector<LostRecords> lost{};
    Status status{};
  };
  auto lookup = std::make_shared<Lookup>(std::move(hashes));
  parts_.jobs.post([this, lookup] {
    const EntityReader reader(reader_, entities_);
    for (const EntityHash& hash : lookup->hashes) {
      Result<EntityReader::Cold> cold = reader.find(hash);
      if (!cold) {
        lookup->status = std::unexpected(std::move(cold.error()));
        break;
      }
      lookup->learnt.push_back({.hash = hash, .newest = cold->newest});
      std::ranges::move(cold->lost, std::back_inserter(lookup->lost));
    }
    parts_.post([this, lookup] {
      looking_up_ = false;
      for (const LostRecords& lost : lookup->lost) entities_.lose(lost);
      entities_.learn(lookup->learnt);
      if (!lookup->status) refuse_pending(lookup->status.error());
      pump();
      if (closing_) tick();
    });
  });
}

bool PartitionWriter::commit_some() {
  const std::size_t payload = std::min(
      pending_payload_, std::max(limits::kCommitPayloadBytes, pending_.front().payload_bytes_));
  if (!make_room(block_bytes_for(payload))) return false;

  const Timestamp now = stamp();
  Commit& commit = next_commit();
  commit.kind = CommitKind::kBlock;
  commit.memory = std::make_shared<Buffer>(parts_.pool.take(block_bytes_for(payload)));
  const MutableBytes out = commit.memory->bytes().subspan(kBlockHeaderBytes, payload);
  Packed packed;
  while (!pending_.empty() && pending_.front().payload_bytes_ <= payload - packed.payload_bytes) {
    AppendRequest& request = pending_.pop_front();
    pending_payload_ -= request.payload_bytes_;
    --pending_count_;
    request.target_->took(request);
    pack_request(request, out, now, commit, packed);
  }
  if (packed.records == 0) {
    answer_behind_newest(commit);
  } else {
    submit_block(commit, packed, now);
  }
  return true;
}

void PartitionWriter::pack_request(AppendRequest& request, MutableBytes payload, Timestamp now,
                                   Commit& commit, Packed& packed) {
  if (std::optional<Error> refused = refusal(request, now)) {
    request.on_appended(std::unexpected(std::move(*refused)));
    return;
  }
  Answer answer{.request = &request, .appended = {}};
  for (std::size_t i = 0; i < request.records.size(); ++i) {
    RecordFields fields = request.records[i];
    const ProducerTable::Answer known = producers_.look(fields, now);
    const bool is_retry = known.known == ProducerTable::Known::kStored;
    Offset offset = known.offset;
    if (!is_retry) {
      offset = tail_.next_offset + packed.records;
      fields.timestamp = now;
      fields.entity.reset();
      if (is_held(fields) && is_due(fields)) fields.not_before.reset();
      if (!fields.key.empty() && !is_held(fields)) {
        fields.entity = entities_.append(entities_.hash(fields.key), offset);
        BIMIP_ASSERT(fields.entity.has_value());
        keyed_ = SegmentKeeper::Keyed::kSome;
      }
      packed.payload_bytes +=
          encode_record(fields, packed.records, payload.subspan(packed.payload_bytes));
      ++packed.records;
      producers_.add(fields, offset, now);
      held_.add(fields, offset);
      if (is_held(fields)) announce_due();
    }
    Appended& appended = answer.appended;
    if (i == 0) appended.first = offset;
    if (appended.offsets.empty() && (is_retry || offset != appended.first + i)) {
      for (std::size_t j = 0; j < i; ++j) appended.offsets.push_back(appended.first + j);
      appended.offsets.push_back(offset);
    } else if (!appended.offsets.empty()) {
      appended.offsets.push_back(offset);
    }
  }
  if (request.settled_below > ProducerNumber(0) && request.records.front().producer)
    producers_.settle(request.records.front().producer->id, request.settled_below);
  commit.answers.push_back(std::move(answer));
}

// Why nothing of a request is taken; nothing when it is.
std::optional<Error> PartitionWriter::refusal(const AppendRequest& request, Timestamp now) const {
  if (is_superseded(request, now)) {
    return Error{
        ErrorCode::kSuperseded,
        "the producer has published a later number, and this one is not among those remembered"};
  }
  return refusal_to_hold(request, now);
}

bool PartitionWriter::is_superseded(const AppendRequest& request, Timestamp now) const {
  return std::ranges::any_of(request.records, [&](const RecordFields& fields) {
    return fields.producer &&
           producers_.look(fields, now).known == ProducerTable::Known::kSuperseded;
  });
}

// Every record was a retry. What they retry is in the newest commit at the latest; when none is in
// flight it is durable.
void PartitionWriter::answer_behind_newest(Commit& unused) {
  std::vector<Answer> answers = std::move(unused.answers);
  unused.answers.clear();
  unused.memory.reset();
  if (in_flight_ == 0) {
    answer(answers, written_end_);
    return;
  }
  Commit& newest = commits_[(oldest_commit_ + in_flight_ - 1) % commits_.size()];
  std::ranges::move(answers, std::back_inserter(newest.answers));
}

void PartitionWriter::submit_block(Commit& commit, const Packed& packed, Timestamp now) {
  BlockHeader header{
      .identity = active_->identity(),
      .position = tail_.position,
      .number = tail_.next_block,
      .base_offset = tail_.next_offset,
      .offset_span = packed.records,
      .record_count = packed.records,
      .payload_bytes = static_cast<std::uint32_t>(packed.payload_bytes),
      .block_bytes = static_cast<std::uint32_t>(block_bytes_for(packed.payload_bytes)),
      .durable_offset = durable_end_,
      .first_timestamp = packed.records > 0 ? now : Timestamp{},
      .last_timestamp = packed.records > 0 ? now : Timestamp{},
      .previous = tail_.previous,
      .payload_checksum = {},
      .checksum = {}};
  const MutableBytes block = commit.memory->bytes().first(header.block_bytes);
  finish_block(header, block);
  commit.block = std::make_shared<const Block>(header, block, commit.memory);
  commit.operation.kind = DeviceOperation::Kind::kWrite;
  commit.operation.durability = config_.durability == Durability::kDurable
                                    ? WriteDurability::kDurable
                                    : WriteDurability::kWritten;
  commit.operation.file = *slot_;
  commit.operation.position = header.position;
  commit.operation.bytes = block;

  active_->add(header);
  tail_.advance(header);
  totals_.add(header);
  mean_block_bytes_ = (mean_block_bytes_ * 7 + header.block_bytes) / 8;
  since_checkpoint_ += header.block_bytes;
  witnessed_ = header.durable_offset == header.end_offset();
  // A witness may be lost without a trace; nothing may build on it.
  if (packed.records > 0 && checkpoint_due()) plan_checkpoint();
  submit(commit);
}

PartitionWriter::Commit& PartitionWriter::next_commit() {
  BIMIP_ASSERT(in_flight_ < commits_.size());
  return commits_[(oldest_commit_ + in_flight_) % commits_.size()];
}

void PartitionWriter::submit(Commit& commit) {
  commit.finished = false;
  ++in_flight_;
  commit.submitted_at = last_used_ = last_activity_ = parts_.clock.monotonic();
  has_written_ = true;
  parts_.queue.submit(commit.operation);
}

// Never goes back within a partition, whatever the wall clock does.
Timestamp PartitionWriter::stamp() {
  return last_timestamp_ = std::max(last_timestamp_, parts_.clock.now());
}

void PartitionWriter::on_finished(DeviceOperation& operation) {
  if (operation.kind == DeviceOperation::Kind::kSync) {
    on_synced();
  } else {
    const auto mine =
        std::ranges::find_if(commits_, [&](const Commit& c) { return &c.operation == &operation; });
    BIMIP_ASSERT(mine != commits_.end());
    mine->finished = true;
    publish_finished();
  }
  advance_roll();
  pump();
  if (closing_) tick();
}

void PartitionWriter::publish_finished() {
  while (in_flight_ > 0 && commits_[oldest_commit_].finished) {
    Commit& commit = commits_[oldest_commit_];
    if (!commit.operation.result && !degraded_) degrade(commit.operation.result.error());
    oldest_commit_ = (oldest_commit_ + 1) % commits_.size();
    --in_flight_;
    if (degraded_) {
      commit.memory.reset();
      commit.block.reset();
      continue;
    }
    publish(commit);
  }
}

void PartitionWriter::publish(Commit& commit) {
  commit.memory.reset();
  if (commit.kind == CommitKind::kSegmentHeader) {
    segment_begun();
    return;
  }
  const std::chrono::nanoseconds took = parts_.clock.monotonic() - commit.submitted_at;
  parts_.commits.time.observe(static_cast<std::uint64_t>(took.count()));
  const Offset end = commit.block->header.end_offset();
  BIMIP_ASSERT(commit.block->header.base_offset == written_end_);
  if (commit.block->header.record_count > 0) parts_.tail.add(std::move(commit.block));
  commit.block.reset();
  written_end_ = end;
  if (config_.durability == Durability::kDurable) durable_end_ = end;
  visible_end_ = end;
  reader_.advance(visible_end_, durable_end_);
  entities_.published(visible_end_);
  scratch_.swap(commit.answers);
  answer(scratch_, end);
  scratch_.clear();
  durable_moved();
}

// `end`: everything below was written.
void PartitionWriter::answer(std::vector<Answer>& answers, Offset end) {
  for (Answer& answer : answers) {
    const bool wants_durable =
        answer.request->durability.value_or(config_.durability) == Durability::kDurable;
    if (wants_durable && durable_end_ < end) {
      awaiting_sync_.emplace_back(end, std::move(answer));
    } else {
      answer.request->on_appended(std::move(answer.appended));
    }
  }
  if (!awaiting_sync_.empty()) start_sync();
}

void PartitionWriter::start_sync() {
  if (syncing_ || degraded_) return;
  syncing_ = true;
  sync_covers_ = written_end_;
  sync_operation_.file = *slot_;
  last_sync_ = parts_.clock.monotonic();
  parts_.queue.submit(sync_operation_);
}

void PartitionWriter::on_synced() {
  syncing_ = false;
  if (!sync_operation_.result && !degraded_) degrade(sync_operation_.result.error());
  if (degraded_) return;
  durable_end_ = std::max(durable_end_, sync_covers_);
  reader_.advance(visible_end_, durable_end_);
  while (!awaiting_sync_.empty() && awaiting_sync_.front().first <= durable_end_) {
    Answer answer = std::move(awaiting_sync_.front().second);
    awaiting_sync_.pop_front();
    answer.request->on_appended(std::move(answer.appended));
  }
  if (!awaiting_sync_.empty()) start_sync();
  durable_moved();
}

void PartitionWriter::durable_moved() {
  if (planned_checkpoint_ && planned_checkpoint_->tail.next_offset <= durable_end_)
    write_checkpoint();
}

// An empty block whose durable offset is the log's end: after it, damage anywhere before is known
// to be rot.
void PartitionWriter::write_witness() {
  const std::size_t bytes = block_bytes_for(0);
  if (!make_room(bytes)) return;
  Commit& commit = next_commit();
  commit.kind = CommitKind::kBlock;
  commit.memory = std::make_shared<Buffer>(parts_.pool.take(bytes));
  submit_block(commit, {}, {});
}

void PartitionWriter::tick() {
  const std::chrono::nanoseconds now = parts_.clock.monotonic();
  if (degraded_) return;
  if (!slot_) return tick_without_files(now);
  if (blocked_seal_ && !closing_ && now >= space_retry_at_) {
    const std::shared_ptr<SealWork> again = std::move(blocked_seal_);
    seal_behind(again);
  }
  if (checkpoint_due()) {
    plan_checkpoint();
    durable_moved();
  }
  const bool settled = in_flight_ == 0 && pending_.empty() && phase_ == Phase::kWriting;
  const bool all_durable = durable_end_ == written_end_;
  check_presence();
  if (!all_durable && (closing_ || now - last_sync_ >= limits::kBackgroundSync)) start_sync();
  if (settled && all_durable && !witnessed_ &&
      (closing_ || now - last_activity_ >= limits::kWitnessAfter)) {
    write_witness();
    return;
  }
  if (settled && is_aged() && !closing_) start_roll();
  upkeep_.tick();
}

bool PartitionWriter::is_aged() const {
  return totals_.record_count > 0 &&
         parts_.clock.now() - totals_.first_timestamp >= roll_age(config_);
}

void PartitionWriter::tick_without_files(std::chrono::nanoseconds now) {
  const bool witness_due =
      !witnessed_ && (closing_ || now - last_activity_ >= limits::kWitnessAfter);
  if (witness_due || (is_aged() && !closing_)) want_files();
  upkeep_.tick();
}

void PartitionWriter::configure(const TopicConfig& config) {
  config_ = config;
  upkeep_.configure(config);
}

void PartitionWriter::close() {
  closing_ = true;
  announce_due();
  upkeep_.stop({ErrorCode::kClosed, "the partition is closing"});
  tick();
}

bool PartitionWriter::idle() const {
  if (in_flight_ > 0 || syncing_ || job_running_ || looking_up_ || release_ != nullptr ||
      !jobs_.empty() || !upkeep_.idle())
    return false;
  if (degraded_) return true;
  if (!pending_.empty() || phase_ != Phase::kWriting) return false;
  return !closing_ || no_space_ || (witnessed_ && durable_end_ == written_end_);
}

void PartitionWriter::degrade(Error error) {
  BIMIP_ASSERT(!degraded_);
  may_heal_ = is_shortage(error);
  degraded_ = Error{ErrorCode::kDegraded, "an earlier write failed: " + error.message};
  parts_.partition.in_trouble(*degraded_);
  parts_.troubles.degraded.fetch_add(1, std::memory_order_relaxed);
  announce_due();
  entities_.undo();
  for (std::size_t i = 0; i < in_flight_; ++i) {
    Commit& commit = commits_[(oldest_commit_ + i) % commits_.size()];
    for (Answer& answer : commit.answers) answer.request->on_appended(std::unexpected(*degraded_));
    commit.answers.clear();
  }
  while (!awaiting_sync_.empty()) {
    AppendRequest* request = awaiting_sync_.front().second.request;
    awaiting_sync_.pop_front();
    request->on_appended(std::unexpected(*degraded_));
  }
  refuse_pending(*degraded_);
  upkeep_.stop(*degraded_);
}

void PartitionWriter::refuse_pending(const Error& error) {
  while (!pending_.empty()) {
    AppendRequest& request = pending_.pop_front();
    request.target_->took(request);
    request.on_appended(std::unexpected(error));
  }
  pending_payload_ = 0;
  pending_count_ = 0;
}

}  // namespace bimip::engine
