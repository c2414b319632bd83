#include "engine/partition/erasure.h"

#include <algorithm>

#include "engine/base/hash.h"

namespace bimip::engine {

void ErasedRecords::add(const Record& record) {
  ++records_;
  bytes_ += encoded_record_bytes(record);
  if (!record.idempotency_key.empty()) {
    idempotent_.push_back(record.offset);
    if (idempotent_.size() > limits::kIdempotencyKeysMax) idempotent_.pop_front();
  }
  const std::size_t length = record.value.size();
  if (length < kSampleBytes) return;
  take_sample(record.value, 0);
  take_sample(record.value, (length - kSampleBytes) / 2);
  take_sample(record.value, length - kSampleBytes);
}

void ErasedRecords::take_sample(Bytes value, std::size_t at) {
  const Bytes sample = value.subspan(at, kSampleBytes);
  const bool says_nothing =
      std::ranges::all_of(sample, [&](std::byte b) { return b == sample.front(); });
  if (says_nothing || samples_.size() >= limits::kEraseValuesRemembered) return;
  samples_.insert(xxh3_128(sample));
  may_begin_[load<std::uint16_t>(sample.data())] = true;
}

bool ErasedRecords::has_sample(const std::byte* at) const {
  return may_begin_[load<std::uint16_t>(at)] && samples_.contains(xxh3_128({at, kSampleBytes}));
}

std::vector<Offset> ErasedRecords::idempotent() const {
  return {idempotent_.begin(), idempotent_.end()};
}

Result<Fate> ErasureFilter::decide(const Record& record) {
  if (!std::ranges::equal(record.key, key_)) return Fate::kKept;
  erased_->add(record);
  return Fate::kDropped;
}

Result<bool> may_hold(Device& device, BufferPool& pool, const SealedSegment::Place& segment,
                      const EntityHash& entity) {
  Result<OpenedEntities> opened = open_entities(device, pool, segment);
  if (!opened && opened.error().code == ErrorCode::kDamaged) return true;
  if (!opened) return std::unexpected(std::move(opened.error()));
  const bool may = std::ranges::any_of(
      opened->directories->views(),
      [&](const EntityDirectoryView& view) { return !view.lost().empty() || view.find(entity); });
  return may || !opened->directories->is_readable();
}

}  // namespace bimip::engine
