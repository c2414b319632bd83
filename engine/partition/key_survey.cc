#include "engine/partition/key_survey.h"

#include <bit>

#include "engine/base/hash.h"
#include "engine/format/file_names.h"

namespace bimip::engine {

std::uint64_t OffsetSet::count(OffsetRange in) const {
  std::uint64_t found = 0;
  for (Offset offset = in.first; offset < in.end;) {
    if (!covers(offset)) break;
    const std::uint64_t at = offset - range_.first;
    const bool whole = at % 64 == 0 && in.end - offset >= 64 && range_.end - offset >= 64;
    if (whole) {
      found += static_cast<std::uint64_t>(std::popcount(words_[at / 64]));
      offset += 64;
    } else {
      found += contains(offset) ? 1U : 0U;
      ++offset;
    }
  }
  return found;
}

NewestByKey::Slot& NewestByKey::slot_of(const Hash128& key) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = key.low & mask;
  while (slots_[at].is_taken() && slots_[at].key != key) at = (at + 1) & mask;
  return slots_[at];
}

void NewestByKey::put(const Hash128& key, const Newest& newest) {
  Slot* slot = &slot_of(key);
  if (!slot->is_taken() && (size_ + 1) * 4 > slots_.size() * 3) {
    std::vector<Slot> before(slots_.size() * 2);
    before.swap(slots_);
    for (const Slot& old : before) {
      if (old.is_taken()) slot_of(old.key) = old;
    }
    slot = &slot_of(key);
  }
  if (!slot->is_taken()) ++size_;
  *slot = {.key = key, .newest = newest};
}

std::optional<NewestByKey::Newest> NewestByKey::find(const Hash128& key) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = key.low & mask;
  while (slots_[at].is_taken() && slots_[at].key != key) at = (at + 1) & mask;
  if (!slots_[at].is_taken()) return std::nullopt;
  return slots_[at].newest;
}

void NewestByKey::keep_up_to(std::uint64_t high) {
  std::vector<Slot> before(slots_.size());
  before.swap(slots_);
  size_ = 0;
  for (const Slot& old : before) {
    if (!old.is_taken() || old.key.high > high) continue;
    slot_of(old.key) = old;
    ++size_;
  }
}

KeySurvey::KeySurvey(Device& device, BufferPool& pool, Plan plan)
    : device_(device),
      pool_(pool),
      plan_(std::move(plan)),
      found_(plan_.segments.size()),
      newest_(std::make_shared<OffsetSet>(
          OffsetRange{.first = plan_.segments.front().base_offset, .end = plan_.window_end})) {
  if (plan_.kept_of_each > 1) kept_ = std::make_shared<OffsetSet>(*newest_);
}

Result<bool> KeySurvey::step() {
  std::uint64_t read = 0;
  while (read < limits::kRewriteStepBytes) {
    if (segment_ == plan_.segments.size()) {
      end_pass();
      if (first_ == 0 && !marking_) return true;
      continue;
    }
    if (!reader_) {
      if (Status opened = open_segment(); !opened)
        return std::unexpected(std::move(opened.error()));
      if (!reader_) continue;
    }
    if (reader_->at_end()) {
      reader_.reset();
      ++segment_;
      continue;
    }
    const std::uint64_t before = reader_->bytes_read();
    Result<BlockRef> block = reader_->next();
    if (block) {
      take(**block);
    } else if (block.error().code == ErrorCode::kIo ||
               block.error().code == ErrorCode::kUnsupportedVersion) {
      return std::unexpected(std::move(block.error()));
    } else {
      Result<std::optional<BlockHeader>> good = reader_->resync();
      if (!good) return std::unexpected(std::move(good.error()));
      if (!*good) {
        reader_.reset();
        ++segment_;
        continue;
      }
    }
    read += reader_->bytes_read() - before;
  }
  return false;
}

// A segment that is not there, or not as long as it should be, is passed over.
Status KeySurvey::open_segment() {
  const ManifestSegment& segment = plan_.segments[segment_];
  Result<std::shared_ptr<File>> file =
      device_.open(plan_.folder / file_names::segment(segment.epoch), OpenMode::kRead);
  if (!file && file.error().code != ErrorCode::kNotFound)
    return std::unexpected(std::move(file.error()));
  Result<std::uint64_t> size = file ? (*file)->size() : Result<std::uint64_t>(0);
  if (!size) return std::unexpected(std::move(size.error()));
  if (*size != segment.file_bytes) {
    found_[segment_++].unreadable = true;
    return {};
  }
  SegmentIdentity identity = plan_.partition;
  identity.epoch = segment.epoch;
  reader_.emplace(BlockReader::Place{.file = *file,
                                     .segment = identity,
                                     .from = FilePosition(limits::kSectorBytes),
                                     .end = FilePosition(*size - limits::kSectorBytes)},
                  pool_);
  return {};
}

void KeySurvey::take(const Block& block) {
  const std::uint64_t seed = plan_.partition.store.low ^ std::rotl(plan_.partition.store.high, 32);
  RecordCursor records = block.records();
  while (!records.done()) {
    const Result<Record> record = records.next();
    if (!record) return;  // the rewrite refuses this segment
    if (passes_ == 0) count(*record);
    // One that is held has no place among those of its key yet.
    if (record->key.empty() || is_held(*record)) continue;
    const Hash128 key = xxh3_128(record->key, seed);
    if (key.high < first_ || key.high > last_) continue;
    if (marking_) {
      mark_kept(*record, key);
    } else {
      find_newest(*record, key);
    }
  }
}

void KeySurvey::count(const Record& record) {
  Found& found = found_[segment_];
  const bool expired = plan_.lapsed.expired(record);
  if (is_held(record)) {
    if (plan_.lapsed.released(record)) ++found.lapsed;
  } else if (record.key.empty()) {
    if (expired) ++found.lapsed;
  } else {
    ++found.keyed;
    if (expired || record.kind == RecordKind::kTombstone) ++found.tombstones;
  }
}

void KeySurvey::find_newest(const Record& record, const Hash128& key) {
  const IncrementId increment = record.entity ? record.entity->increment : IncrementId(0);
  keys_.put(key, {.offset = record.offset, .increment = increment});
  while (keys_.size() > plan_.keys_max && last_ > first_) {
    last_ = first_ + (last_ - first_) / 2;
    keys_.keep_up_to(last_);
  }
}

void KeySurvey::mark_kept(const Record& record, const Hash128& key) {
  const std::optional<NewestByKey::Newest> newest = keys_.find(key);
  const bool is_kept = !newest || !record.entity || newest->increment < record.entity->increment ||
                       newest->increment - record.entity->increment < plan_.kept_of_each;
  if (is_kept) kept_->add(record.offset);
}

// Afterwards first_ is where the next pass begins; zero: there is none.
void KeySurvey::end_pass() {
  ++passes_;
  segment_ = 0;
  if (!marking_) keys_.for_each([this](Offset newest) { newest_->add(newest); });
  marking_ = !marking_ && plan_.kept_of_each > 1;
  if (!marking_) next_part();
}

void KeySurvey::next_part() {
  keys_.clear();
  constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
  first_ = last_ == kAll ? 0 : last_ + 1;
  last_ = kAll;
}

}  // namespace bimip::engine
