#include "engine/partition/release.h"

#include <algorithm>
#include <numeric>

namespace bimip::engine {

void Release::collect(const PartitionReader& reader, Timestamp now) {
  std::vector<std::size_t> by_offset(due_.size());
  std::iota(by_offset.begin(), by_offset.end(), std::size_t{0});
  std::ranges::sort(by_offset, {}, [this](std::size_t at) { return due_[at]; });
  // The earliest first, so that there is always one that goes on.
  const auto earliest = std::ranges::find(by_offset, std::size_t{0});
  read_block(reader, now, {earliest, by_offset.end()});
  for (auto at = by_offset.begin(); at != by_offset.end() && !was_cut_short(); ++at) {
    if (found_[*at].outcome == Outcome::kUnread) read_block(reader, now, {at, by_offset.end()});
  }
  bool full = false;
  for (std::size_t at = 0; at < due_.size(); ++at) {
    const Found& found = found_[at];
    full = full || found.outcome == Outcome::kUnread;
    if (full || found.outcome == Outcome::kUnreadable) {
      later_.push_back(due_[at]);
    } else if (found.outcome == Outcome::kLapsed) {
      lapsed_.push_back(due_[at]);
    } else if (found.outcome == Outcome::kLost) {
      lost_.push_back(due_[at]);
    } else {
      fields_.push_back(found.fields);
      order_.push_back(due_[at]);
    }
  }
}

// The block with the first of them, and what else of them is in it.
void Release::read_block(const PartitionReader& reader, Timestamp now,
                         std::span<const std::size_t> by_offset) {
  Found& first = found_[by_offset.front()];
  const Result<RecordBatch> batch = reader.read_disk(due_[by_offset.front()], 1);
  if (!batch) {
    const ErrorCode code = batch.error().code;
    first.outcome = code == ErrorCode::kDamaged      ? Outcome::kLost
                    : code == ErrorCode::kOutOfRange ? Outcome::kLapsed
                                                     : Outcome::kUnreadable;
    return;
  }
  first.outcome = Outcome::kLost;
  auto next = by_offset.begin();
  // What is not where it was held, though that can be read, had lapsed before a restart, and
  // rewriting left it out.
  const auto pass = [](Found& found) {
    if (found.outcome == Outcome::kUnread || found.outcome == Outcome::kLost)
      found.outcome = Outcome::kLapsed;
  };
  // What a block's own checksum lets through is read as far as it goes.
  const Status read = batch->for_each_stored([&](const Record& record) {
    for (; next != by_offset.end() && due_[*next] < record.offset; ++next) pass(found_[*next]);
    if (next == by_offset.end() || due_[*next] != record.offset || !is_held(record)) return;
    Found& found = found_[*next];
    if (found.outcome == Outcome::kFound) return;
    if (has_expired(record, now)) {
      found.outcome = Outcome::kLapsed;
    } else if (found.outcome == Outcome::kLost || !was_cut_short()) {
      keep(record, found);
    }
  });
  if (read) pass(first);
}

Bytes Release::copy(Bytes bytes) {
  if (bytes.empty()) return {};
  bytes_ += bytes.size();
  return bytes_of_.emplace_back(bytes.begin(), bytes.end());
}

void Release::keep(const Record& held, Found& into) {
  into.outcome = Outcome::kFound;
  into.fields = held;
  into.fields.not_before.reset();
  into.fields.entity.reset();
  into.fields.idempotency_key = {};
  into.fields.producer =
      ProducerMark{.id = kReleaseProducer, .number = ProducerNumber(held.offset.value())};
  into.fields.key = copy(held.key);
  into.fields.headers = copy(held.headers);
  into.fields.value = copy(held.value);
}

bool Release::next_part(Done done) {
  part_first_ += records.size();
  std::size_t count = 0;
  std::size_t bytes = 0;
  while (part_first_ + count < fields_.size() && count < limits::kReleaseRecordsMax &&
         bytes < limits::kReleaseBytesMax)
    bytes += encoded_record_bytes(fields_[part_first_ + count++]);
  if (count == 0) return false;
  records = std::span(fields_).subspan(part_first_, count);
  durability = Durability::kDurable;
  done_ = std::move(done);
  return true;
}

}  // namespace bimip::engine
