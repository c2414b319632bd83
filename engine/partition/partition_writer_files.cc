// How the writer comes by its files, and gives them back while it has nothing to write.
#include "engine/base/assert.h"
#include "engine/partition/partition_writer.h"

namespace bimip::engine {

void PartitionWriter::want_files() {
  if (wants_files_ || degraded_) return;
  wants_files_ = true;
  parts_.places.want(parts_.partition);
}

void PartitionWriter::open_files() {
  auto files = std::make_shared<Files>();
  const std::optional<Epoch> prepared = prepared_ ? std::optional(prepared_->epoch) : std::nullopt;
  run_job({.work = [keeper = keeper_.get(), active = space_.epoch, prepared, files]() -> Status {
             Result<std::shared_ptr<File>> file = keeper->open_segment(active);
             if (!file) return std::unexpected(std::move(file.error()));
             files->active = std::move(*file);
             if (!prepared) return {};
             file = keeper->open_segment(*prepared);
             if (!file) return std::unexpected(std::move(file.error()));
             files->prepared = std::move(*file);
             return {};
           },
           .done =
               [this, files](Status status) {
                 if (status) return files_opened(*files);
                 out_of_space(std::move(status.error()));
                 if (no_space_) refuse_pending(*no_space_);
                 give_back_files();
               }});
}

void PartitionWriter::files_opened(const Files& files) {
  wants_files_ = false;
  no_space_.reset();
  Result<FileSlot> slot = parts_.queue.attach(files.active);
  if (!slot) return degrade(std::move(slot.error()));
  slot_ = *slot;
  has_written_ = false;
  space_.file = files.active;
  active_->set_file(files.active);
  if (prepared_) prepared_->file = files.prepared;
  last_used_ = parts_.clock.monotonic();
}

bool PartitionWriter::can_give_back() const {
  if (degraded_) return idle();
  return slot_ && in_flight_ == 0 && !syncing_ && !job_running_ && jobs_.empty() && !looking_up_ &&
         phase_ == Phase::kWriting && durable_end_ == written_end_ && awaiting_sync_.empty() &&
         !blocked_seal_ && !planned_checkpoint_ && (pending_.empty() || yielding_);
}

void PartitionWriter::give_back_files() {
  release_slot();
  active_->release_file();
  if (prepared_) prepared_->file.reset();
  if (!pending_.empty() && !no_space_) want_files();
}

void PartitionWriter::release_slot() {
  if (slot_) parts_.queue.detach(*slot_);
  slot_.reset();
  space_.file.reset();
  wants_files_ = false;
  yielding_ = false;
  parts_.places.gave_back(parts_.partition);
}

void PartitionWriter::release_files() {
  BIMIP_ASSERT(degraded_ && idle());
  release_slot();
}

}  // namespace bimip::engine
