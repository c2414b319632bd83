#include "tests/engine/format/random_values.h"

#include <algorithm>

namespace bimip::testing {

std::uint64_t RandomValues::number() {
  if (random_.one_in(8)) return 0;
  if (random_.one_in(8)) return ~0ULL;
  return random_.next() >> below(64);
}

std::string RandomValues::text(std::size_t length) {
  std::string made(length, '\0');
  for (char& c : made) c = static_cast<char>(random_.next());
  return made;
}

Bytes RandomValues::bytes(std::size_t length) {
  return as_bytes(texts_.emplace_back(text(length)));
}

const RecordFields& RandomValues::record(Offset before) {
  RecordFields& fields = records_.emplace_back();
  fields.timestamp = time();
  if (maybe()) fields.key = bytes(1 + below(random_.one_in(10) ? limits::kKeyBytesMax : 20));
  if (maybe()) fields.value = bytes(below(random_.one_in(10) ? 20'000 : 200));
  if (!fields.key.empty() && random_.one_in(4)) {
    fields.kind = RecordKind::kTombstone;
    fields.value = {};
  }
  if (maybe()) {
    fields.entity = EntityLink{.increment = IncrementId(std::max<std::uint64_t>(number(), 1))};
    if (maybe()) fields.entity->previous = Offset(below(before.value()));
  }
  if (maybe()) {
    fields.producer = ProducerMark{.id = {.high = number(), .low = number() | 1U},
                                   .number = ProducerNumber(number() / 2)};
  }
  if (maybe()) fields.expires_at = time();
  if (maybe()) fields.not_before = time();
  if (maybe()) fields.idempotency_key = bytes(1 + below(limits::kIdempotencyKeyBytesMax));
  if (maybe()) fields.headers = as_bytes(texts_.emplace_back(as_text(*encode_headers(headers()))));
  return fields;
}

std::vector<Header> RandomValues::headers() {
  std::vector<Header> made(below(random_.one_in(10) ? limits::kHeadersMax + 1 : 4));
  for (Header& header : made) {
    header.name = texts_.emplace_back(text(1 + below(limits::kHeaderNameBytesMax)));
    header.value = bytes(below(100));
  }
  return made;
}

SegmentIdentity RandomValues::identity() {
  return {.store = {.high = number(), .low = number()},
          .topic = TopicId(number32()),
          .partition = PartitionId(number32()),
          .epoch = Epoch(number())};
}

SegmentHeader RandomValues::segment_header() {
  return {.identity = identity(),
          .base_offset = Offset(number()),
          .first_block = BlockNumber(number()),
          .previous = hash(),
          .created_at = time()};
}

SegmentFooter RandomValues::segment_footer() {
  SegmentFooter footer{.identity = identity(), .previous = hash(), .last = hash()};
  footer.position = FilePosition((1 + below(1ULL << 40U)) * limits::kSectorBytes);
  footer.base_offset = Offset(below(1ULL << 60U));
  footer.end_offset = footer.base_offset + below(1ULL << 60U);
  footer.first_block = BlockNumber(below(1ULL << 60U));
  footer.end_block = footer.first_block + below(1ULL << 60U);
  footer.rewrites = maybe() ? number32() : 0;
  footer.own_end_block = footer.end_block;
  footer.own_last = footer.last;
  if (footer.rewrites > 0) {
    footer.own_end_block = footer.first_block + below(footer.end_block - footer.first_block + 1);
    footer.own_last = hash();
  }
  footer.record_count = below(footer.end_offset - footer.base_offset + 1);
  footer.record_bytes = number();
  const auto times = std::minmax({time(), time()});
  footer.first_timestamp = times.first;
  footer.last_timestamp = times.second;
  return footer;
}

Catalog RandomValues::catalog() {
  Catalog made{.store = identity().store, .created_at = time(), .topics = {}};
  std::uint32_t id = 0;
  for (std::uint64_t i = below(6); i > 0; --i) {
    id += 1 + static_cast<std::uint32_t>(below(1'000'000));
    CatalogTopic topic{.id = TopicId(id), .created_at = time(), .config = {}};
    topic.name = "t-" + std::to_string(id) + std::string(below(150), 'x');
    topic.config.partitions = 1 + static_cast<std::uint32_t>(below(limits::kPartitionsPerTopicMax));
    topic.config.durability = maybe() ? Durability::kDurable : Durability::kWritten;
    topic.config.segment_bytes =
        limits::kSegmentBytesMin + below(limits::kSegmentBytesMax - limits::kSegmentBytesMin + 1);
    topic.config.segment_age =
        std::chrono::seconds(1 + below(static_cast<std::uint64_t>(limits::kSegmentAgeMaxSeconds)));
    topic.config.retention_age = std::chrono::seconds(
        below(static_cast<std::uint64_t>(limits::kRetentionAgeMaxSeconds) + 1));
    topic.config.retention_bytes = number();
    topic.config.retention_floor = maybe() ? RetentionFloor::kCursors : RetentionFloor::kNone;
    topic.config.compaction = maybe() ? Compaction::kNewest : Compaction::kNone;
    topic.config.tombstone_grace = std::chrono::seconds(
        below(static_cast<std::uint64_t>(limits::kRetentionAgeMaxSeconds) + 1));
    topic.config.hold_max =
        std::chrono::seconds(1 + below(static_cast<std::uint64_t>(limits::kHoldMaxSecondsMax)));
    if (topic.config.compaction == Compaction::kNone) {
      topic.config.entity_records_max = number();
      topic.config.entity_age = std::chrono::seconds(
          below(static_cast<std::uint64_t>(limits::kRetentionAgeMaxSeconds) + 1));
    }
    made.topics.push_back(topic);
  }
  made.next_topic = TopicId(id + 1);
  return made;
}

Manifest RandomValues::manifest() {
  Manifest made{.partition = identity(), .version = number(), .log_start = Offset(number())};
  made.partition.epoch = {};
  std::uint64_t epoch = 0;
  Offset base(below(1ULL << 40U));
  const auto next = [&](SegmentState state) {
    ManifestSegment& segment = made.segments.emplace_back();
    segment.epoch = Epoch(epoch += 1 + below(1000));
    segment.state = state;
    if (state != SegmentState::kPrepared) segment.base_offset = base;
    return &segment;
  };
  for (std::uint64_t i = below(5); i > 0; --i) {
    ManifestSegment* sealed = next(SegmentState::kSealed);
    sealed->end_offset = base = base + below(1ULL << 40U);
    sealed->file_bytes = 2 * limits::kSectorBytes + below(1ULL << 40U);
    sealed->record_count = number();
    sealed->record_bytes = number();
    sealed->first_timestamp = time();
    sealed->last_timestamp = time();
    sealed->last = hash();
    sealed->end_block = BlockNumber(number());
    sealed->rewrites = number32();
    sealed->cleaned_at = time();
  }
  next(SegmentState::kActive);
  if (maybe()) next(SegmentState::kPrepared);
  made.next_epoch = Epoch(epoch + 1 + below(10));
  made.producers = Epoch(below(epoch + 1));
  return made;
}

std::vector<IndexEntry> RandomValues::index() {
  std::vector<IndexEntry> entries(below(20));
  IndexEntry last{};
  for (IndexEntry& entry : entries) {
    entry.base_offset = last.base_offset + 1 + below(500);
    entry.position = last.position + (1 + below(500)) * limits::kSectorBytes;
    entry.last_timestamp_before =
        last.last_timestamp_before + std::chrono::microseconds(below(500));
    last = entry;
  }
  return entries;
}

ProducerState RandomValues::producers() {
  ProducerState state;
  for (std::uint64_t i = below(4); i > 0; --i) {
    ProducerEntry& producer = state.producers.emplace_back();
    producer.id = identity().store;
    producer.last_seen = time();
    std::uint64_t number = below(1ULL << 40U);
    for (std::uint64_t run = 1 + below(5); run > 0; --run) {
      const std::uint64_t count = 1 + below(1000);
      producer.runs.push_back({.first_number = ProducerNumber(number),
                               .first_offset = Offset(below(1ULL << 60U)),
                               .count = count});
      number += count + below(1000);
    }
  }
  for (std::uint64_t i = below(4); i > 0; --i)
    state.idempotency_keys.push_back(
        {.key = hash(), .offset = Offset(number()), .stored_at = time()});
  for (std::uint64_t i = below(4); i > 0; --i)
    state.held.push_back({.due = time(), .offset = Offset(number())});
  return state;
}

ScrubState RandomValues::scrub(const StoreId& store) {
  const auto segment = [&] {
    SegmentIdentity made = identity();
    made.store = store;
    return made;
  };
  ScrubState state;
  for (std::uint64_t i = below(4); i > 0; --i)
    state.segments.push_back({.segment = segment(), .verified_at = time()});
  for (std::uint64_t i = below(4); i > 0; --i) {
    const Offset first(below(1ULL << 60U));
    const FilePosition from(below(1ULL << 60U));
    state.findings.push_back({.segment = segment(),
                              .from = from,
                              .end = from + below(1ULL << 20U),
                              .offsets = {.first = first, .end = first + below(1ULL << 20U)},
                              .found_at = time(),
                              .why = text(below(40))});
  }
  return state;
}

Checkpoint RandomValues::checkpoint() {
  Checkpoint made{.index = index(), .producers = producers()};
  made.tail = {.position = FilePosition((20'000 + below(1000)) * limits::kSectorBytes),
               .next_block = BlockNumber(number()),
               .next_offset = Offset(number()),
               .previous = hash()};
  made.totals = {.record_count = number(),
                 .record_bytes = number(),
                 .first_timestamp = time(),
                 .last_timestamp = time()};
  for (std::uint64_t i = below(4); i > 0; --i) made.entity_runs.push_back(number());
  return made;
}

EntityHash RandomValues::entity_hash() {
  const auto low = static_cast<std::uint32_t>(below(kEntityHashLowMax + 1ULL));
  // Seldom evenly spread: some share their first bits.
  return {.high = maybe() ? random_.next() : below(3), .low = low};
}

std::vector<LostRecords> RandomValues::lost(OffsetRange within) {
  std::vector<LostRecords> made;
  const std::uint64_t span = within.end - within.first;
  for (std::uint64_t i = span > 0 ? below(3) : 0; i > 0; --i) {
    const std::uint64_t first = below(span);
    LostRecords& lost = made.emplace_back();
    lost.offsets = {.first = within.first + first,
                    .end = within.first + first + 1 + below(span - first)};
    if (maybe()) lost.first = std::min(entity_hash(), lost.last);
  }
  return made;
}

SampleDirectory RandomValues::directory(OffsetRange offsets) {
  SampleDirectory made{.offsets = offsets, .lost = lost(offsets), .entities = {}};
  std::vector<EntityHash> hashes(below(40));
  for (EntityHash& hash : hashes) hash = entity_hash();
  std::ranges::sort(hashes);
  const auto same = std::ranges::unique(hashes);
  hashes.erase(same.begin(), same.end());
  const std::uint64_t span = offsets.end - offsets.first;
  for (const EntityHash& hash : hashes) {
    SampleEntity entity{.hash = hash};
    std::uint64_t increment = 1 + below(1ULL << 40U);
    const bool sparse = maybe();
    for (std::uint64_t at = below(span); at < span && entity.records.size() < 20;
         at += 1 + below(span / 4 + 1)) {
      entity.records.push_back({.increment = IncrementId(increment), .offset = offsets.first + at});
      increment += sparse ? 1 + below(3) : 1;
    }
    if (maybe() && offsets.first > Offset(0))
      entity.previous = Offset(below(offsets.first.value()));
    made.entities.push_back(std::move(entity));
  }
  return made;
}

SampleBase RandomValues::base() {
  SampleBase made{.header = {.partition = identity(), .generation = number()}, .entities = {}};
  made.header.partition.epoch = {};
  const std::uint64_t end = 2000 + below(kEntityNumberMax - 2000);
  made.header.end_offset = Offset(end);
  made.header.lost = lost({.first = Offset(0), .end = Offset(end)});
  const auto same = std::ranges::unique(made.header.lost);
  made.header.lost.erase(same.begin(), same.end());
  for (std::uint64_t i = below(maybe() ? 10 : 2000); i > 0; --i) {
    made.entities.push_back(
        {.hash = {.high = random_.next(), .low = 1},
         .newest = {.increment = IncrementId(1 + below(end)), .offset = Offset(below(end))}});
  }
  std::ranges::sort(made.entities, {}, &EntityNewest::hash);
  made.header.entities = made.entities.size();
  return made;
}

}  // namespace bimip::testing
