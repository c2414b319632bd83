// Records that are held until their time: read again when it has come, and appended like any other.
#include <algorithm>
#include <string>

#include "engine/base/assert.h"
#include "engine/partition/partition.h"
#include "engine/partition/partition_writer.h"

namespace bimip::engine {

// Why the records of a request that come before their time cannot be held until then. A retry of a
// stored one is answered whatever is held.
std::optional<Error> PartitionWriter::refusal_to_hold(const AppendRequest& request,
                                                      Timestamp now) const {
  std::size_t held = 0;
  for (const RecordFields& fields : request.records) {
    if (!is_held(fields) || is_due(fields) ||
        producers_.look(fields, now).known == ProducerTable::Known::kStored)
      continue;
    ++held;
    if (*fields.not_before - parts_.clock.now() > config_.hold_max) {
      return Error{ErrorCode::kInvalidArgument,
                   "a record is to be held for longer than the topic's hold_max_s, " +
                       std::to_string(config_.hold_max.count())};
    }
  }
  if (held == 0 || held_.size() + held <= held_records_max(config_)) return std::nullopt;
  return Error{ErrorCode::kTooManyHeld, "the partition holds " + std::to_string(held_.size()) +
                                            " records until their time; at most " +
                                            std::to_string(held_records_max(config_)) +
                                            " are held"};
}

ProducerState PartitionWriter::remembered() const {
  ProducerState state = producers_.snapshot();
  state.held = held_.snapshot();
  return state;
}

void PartitionWriter::announce_due() {
  const bool can_release = !degraded_ && !closing_ && release_ == nullptr;
  std::optional<Timestamp> due;
  if (can_release) due = held_.next_due();
  if (due) due = std::max(*due, release_retry_at_);
  parts_.due.set(parts_.partition, due);
}

void PartitionWriter::release_due() {
  if (release_ != nullptr || degraded_ || closing_) return;
  const Timestamp now = parts_.clock.now();
  std::vector<Offset> due = held_.take_due(now, release_window_);
  // What is not published yet can wait until it is.
  if (std::erase_if(due, [this](Offset offset) {
        if (offset < visible_end_) return false;
        held_.put_back(offset);
        return true;
      }) > 0)
    release_retry_at_ = now + limits::kReleaseRetry;
  if (due.empty()) return announce_due();
  release_ = std::make_unique<Release>(std::move(due));
  parts_.jobs.post([this, now] {
    release_->collect(reader_, now);
    parts_.post([this] { append_release(); });
  });
}

void PartitionWriter::append_release() {
  for (const Offset offset : release_->later()) held_.put_back(offset);
  for (const Offset offset : release_->lapsed()) held_.give_up(offset);
  for (const Offset offset : release_->lost()) held_.give_up(offset);
  parts_.troubles.held_lost.fetch_add(release_->lost().size(), std::memory_order_relaxed);
  // As many at a time as their size allows, and as there are.
  if (release_->was_cut_short()) {
    release_window_ = std::max<std::size_t>(1, release_->size() / 2);
  } else if (release_->size() == release_window_) {
    release_window_ = std::min(limits::kReleaseWindowMax, 2 * release_window_);
  }
  if (release_->later().size() == release_->size())
    return end_release(fail(ErrorCode::kIo, "none of the records due can be read"));
  append_part();
}

void PartitionWriter::append_part() {
  const bool more = release_->next_part([this](Result<Appended> result) {
    if (!result) return end_release(std::unexpected(std::move(result.error())));
    held_.released(release_->part());
    parts_.partition.notify_released(release_->records);
    append_part();
  });
  if (!more) return end_release({});
  parts_.partition.append_own(*release_);
}

// When not all was stored, there was no room; or the writer is in trouble or closing, and a
// recovery finds what is held.
void PartitionWriter::end_release(Status result) {
  held_.put_back();
  if (!result) release_retry_at_ = parts_.clock.now() + limits::kReleaseRetry;
  release_.reset();
  announce_due();
  if (closing_) tick();
}

}  // namespace bimip::engine
