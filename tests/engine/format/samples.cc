#include "tests/engine/format/samples.h"

#include <algorithm>

#include "engine/base/hash.h"
#include "engine/format/codec.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;

constexpr Hash128 kPrevious{.high = 0xA1A2A3A4A5A6A7A8, .low = 0xB1B2B3B4B5B6B7B8};
constexpr Hash128 kLast{.high = 0xC1C2C3C4C5C6C7C8, .low = 0xD1D2D3D4D5D6D7D8};
constexpr Hash128 kOwnLast{.high = 0xE1E2E3E4E5E6E7E8, .low = 0xF1F2F3F4F5F6F7F8};
constexpr ProducerId kProducer{.high = 0x1111222233334444, .low = 0x5555666677778888};

std::vector<std::byte> encode(const RecordFields& fields) {
  std::vector<std::byte> bytes(encoded_record_bytes(fields));
  encode_record(fields, 1, bytes);
  return bytes;
}

template <typename Encode>
std::vector<std::byte> sector_of(Encode encode) {
  std::vector<std::byte> sector(limits::kSectorBytes, std::byte{0xEE});
  encode(MutableBytes(sector));
  return sector;
}

}  // namespace

SegmentIdentity sample_segment() {
  SegmentIdentity identity = sample_partition();
  identity.epoch = Epoch(12);
  return identity;
}

SegmentIdentity sample_partition() {
  return {.store = {.high = 0x0123456789ABCDEF, .low = 0xFEDCBA9876543210},
          .topic = TopicId(7),
          .partition = PartitionId(3),
          .epoch = {}};
}

Timestamp sample_time() {
  using namespace std::chrono;
  return sys_days{2026y / 3 / 14} + 15h + 9min + 26s + 535897us;
}

std::vector<std::byte> sample_headers() {
  const std::vector<Header> headers{
      {.name = "content-type", .value = as_bytes("text/plain")},
      {.name = "trace", .value = as_bytes(std::string_view("\x01\x02\x00", 3))}};
  return *encode_headers(headers);
}

RecordFields sample_record() {
  static const std::vector<std::byte> headers = sample_headers();
  return {.timestamp = sample_time(),
          .kind = RecordKind::kValue,
          .entity = EntityLink{.increment = IncrementId(42), .previous = Offset(977)},
          .producer = ProducerMark{.id = kProducer, .number = ProducerNumber(900)},
          .expires_at = sample_time() + 24h,
          .not_before = sample_time() + 5s,
          .key = as_bytes("alice"),
          .idempotency_key = as_bytes("payment-7781"),
          .headers = headers,
          .value = as_bytes("Hello, Alice.")};
}

RecordFields sample_smallest_record() {
  RecordFields fields;
  fields.timestamp = sample_time();
  return fields;
}

RecordFields sample_tombstone() {
  RecordFields fields;
  fields.timestamp = sample_time() + 1ms;
  fields.kind = RecordKind::kTombstone;
  fields.key = as_bytes("bob");
  return fields;
}

SampleBlock make_block(std::span<const RecordFields> records, Offset base_offset) {
  std::size_t payload = 0;
  for (const RecordFields& fields : records) payload += encoded_record_bytes(fields);
  SampleBlock block;
  block.header = {.identity = sample_segment(),
                  .position = FilePosition(8192),
                  .number = BlockNumber(501),
                  .base_offset = base_offset,
                  .offset_span = static_cast<std::uint32_t>(records.size()),
                  .record_count = static_cast<std::uint32_t>(records.size()),
                  .payload_bytes = static_cast<std::uint32_t>(payload),
                  .block_bytes = static_cast<std::uint32_t>(block_bytes_for(payload)),
                  .durable_offset = base_offset,
                  .first_timestamp = {},
                  .last_timestamp = {},
                  .previous = kPrevious,
                  .payload_checksum = {},
                  .checksum = {}};
  if (!records.empty()) {
    const auto times = std::ranges::minmax(records, {}, &RecordFields::timestamp);
    block.header.first_timestamp = times.min.timestamp;
    block.header.last_timestamp = times.max.timestamp;
  }
  block.bytes.assign(block.header.block_bytes, std::byte{0xEE});
  MutableBytes rest = MutableBytes(block.bytes).subspan(kBlockHeaderBytes);
  std::uint32_t delta = 0;
  for (const RecordFields& fields : records)
    rest = rest.subspan(encode_record(fields, delta++, rest));
  finish_block(block.header, block.bytes);
  return block;
}

SampleBlock sample_block() {
  RecordFields first;
  first.timestamp = sample_time();
  first.key = as_bytes("alice");
  first.value = as_bytes("Hello, Alice.");
  return make_block(std::vector{first, sample_tombstone()});
}

SampleBlock sample_witness() { return make_block({}); }

SegmentHeader sample_segment_header() {
  return {.identity = sample_segment(),
          .base_offset = Offset(1000),
          .first_block = BlockNumber(500),
          .previous = kPrevious,
          .created_at = sample_time()};
}

SegmentFooter sample_segment_footer() {
  return {.identity = sample_segment(),
          .position = FilePosition(1048576),
          .base_offset = Offset(1000),
          .end_offset = Offset(4000),
          .first_block = BlockNumber(500),
          .end_block = BlockNumber(640),
          .record_count = 3000,
          .record_bytes = 720000,
          .first_timestamp = sample_time(),
          .last_timestamp = sample_time() + 1h,
          .previous = kPrevious,
          .last = kLast,
          .own_end_block = BlockNumber(512),
          .own_last = kOwnLast,
          .rewrites = 1};
}

Catalog sample_catalog() {
  CatalogTopic orders{
      .id = TopicId(1), .name = "orders", .created_at = sample_time(), .config = {}};
  CatalogTopic chat{
      .id = TopicId(7), .name = "chat.rooms", .created_at = sample_time() + 1min, .config = {}};
  chat.config = {.partitions = 8,
                 .durability = Durability::kWritten,
                 .segment_bytes = 64 * 1024 * 1024,
                 .segment_age = 24h,
                 .retention_age = 30 * 24h,
                 .retention_bytes = 1ULL << 40U,
                 .compaction = Compaction::kNewest,
                 .tombstone_grace = 2h,
                 .hold_max = 90 * 24h};
  orders.config.retention_floor = RetentionFloor::kCursors;
  orders.config.entity_records_max = 100;
  orders.config.entity_age = 90 * 24h;
  return {.store = sample_segment().store,
          .created_at = sample_time(),
          .next_topic = TopicId(8),
          .topics = {orders, chat}};
}

Manifest sample_manifest() {
  const ManifestSegment sealed{.epoch = Epoch(14),
                               .state = SegmentState::kSealed,
                               .base_offset = Offset(0),
                               .end_offset = Offset(1000),
                               .file_bytes = 1052672,
                               .record_count = 1000,
                               .record_bytes = 240000,
                               .first_timestamp = sample_time() - 1h,
                               .last_timestamp = sample_time(),
                               .last = kPrevious,
                               .end_block = BlockNumber(500),
                               .rewrites = 1,
                               .cleaned_at = sample_time() + 2h};
  ManifestSegment active;
  active.epoch = Epoch(12);
  active.state = SegmentState::kActive;
  active.base_offset = Offset(1000);
  ManifestSegment prepared;
  prepared.epoch = Epoch(13);
  prepared.state = SegmentState::kPrepared;
  return {.partition = sample_partition(),
          .version = 23,
          .next_epoch = Epoch(15),
          .log_start = Offset(0),
          .producers = Epoch(11),
          .segments = {sealed, active, prepared}};
}

std::vector<IndexEntry> sample_index() {
  return {{.base_offset = Offset(1000),
           .position = FilePosition(4096),
           .last_timestamp_before = Timestamp{}},
          {.base_offset = Offset(1290),
           .position = FilePosition(69632),
           .last_timestamp_before = sample_time()},
          {.base_offset = Offset(1600),
           .position = FilePosition(139264),
           .last_timestamp_before = sample_time() + 20s}};
}

ProducerState sample_producers() {
  ProducerEntry producer{.id = kProducer, .last_seen = sample_time(), .runs = {}};
  producer.runs.push_back(
      {.first_number = ProducerNumber(880), .first_offset = Offset(1500), .count = 16});
  producer.runs.push_back(
      {.first_number = ProducerNumber(896), .first_offset = Offset(1530), .count = 5});
  const IdempotencyEntry key{.key = xxh3_128(as_bytes("payment-7781")),
                             .offset = Offset(1534),
                             .stored_at = sample_time()};
  const HeldRecord held{.due = sample_time() + 1h, .offset = Offset(1535)};
  return {.producers = {producer}, .idempotency_keys = {key}, .held = {held}};
}

Checkpoint sample_checkpoint() {
  return {.tail = {.position = FilePosition(204800),
                   .next_block = BlockNumber(530),
                   .next_offset = Offset(1900),
                   .previous = kLast},
          .totals = {.record_count = 900,
                     .record_bytes = 180000,
                     .first_timestamp = sample_time(),
                     .last_timestamp = sample_time() + 30s},
          .index = sample_index(),
          .producers = sample_producers(),
          .entity_runs = {212, 158}};
}

LossTable sample_losses() {
  return {
      {.offsets = {.first = Offset(1200), .end = Offset(1290)}, .recorded_at = sample_time()},
      {.offsets = {.first = Offset(1890), .end = Offset(1900)}, .recorded_at = sample_time() + 1h}};
}

ScrubState sample_scrub() {
  SegmentIdentity damaged = sample_segment();
  damaged.epoch = Epoch(11);
  return {.segments = {{.segment = damaged, .verified_at = sample_time()},
                       {.segment = sample_segment(), .verified_at = sample_time() + 20s}},
          .findings = {{.segment = damaged,
                        .from = FilePosition(8192),
                        .end = FilePosition(16384),
                        .offsets = {.first = Offset(1001), .end = Offset(1040)},
                        .found_at = sample_time(),
                        .why = "checksum"}}};
}

std::vector<std::byte> encode_directory(const SegmentIdentity& segment,
                                        const SampleDirectory& directory) {
  EntityDirectoryWriter out(directory.offsets);
  for (const LostRecords& lost : directory.lost) out.lose(lost);
  for (const SampleEntity& entity : directory.entities)
    out.add(entity.hash, entity.previous, entity.records);
  return out.finish(segment);
}

SampleDirectory read_directory(const EntityDirectoryView& view) {
  SampleDirectory read{.offsets = view.offsets(), .lost = view.lost(), .entities = {}};
  for (std::size_t slot = 0; slot < view.size(); ++slot) {
    const EntityEntry entry = view.at(slot);
    SampleEntity& entity = read.entities.emplace_back(entry.hash(), entry.previous());
    for (std::size_t i = 0; i < entry.size(); ++i) entity.records.push_back(entry.record(i));
  }
  return read;
}

// Alice's 41 to 43, one record of Bob's that was his first, and what compaction left of Carol's.
SampleDirectory sample_directory() {
  const StoreId store = sample_segment().store;
  SampleDirectory directory{.offsets = {.first = Offset(1000), .end = Offset(4000)}};
  directory.lost = {{.offsets = {.first = Offset(3000), .end = Offset(3010)}}};
  directory.entities = {{.hash = entity_hash(store, as_bytes("alice")),
                         .previous = Offset(977),
                         .records = {{.increment = IncrementId(41), .offset = Offset(1001)},
                                     {.increment = IncrementId(42), .offset = Offset(1700)},
                                     {.increment = IncrementId(43), .offset = Offset(3999)}}},
                        {.hash = entity_hash(store, as_bytes("bob")),
                         .records = {{.increment = IncrementId(1), .offset = Offset(1002)}}},
                        {.hash = entity_hash(store, as_bytes("carol")),
                         .records = {{.increment = IncrementId(2), .offset = Offset(1500)},
                                     {.increment = IncrementId(9), .offset = Offset(2500)}}}};
  std::ranges::sort(directory.entities, {}, &SampleEntity::hash);
  return directory;
}

std::vector<std::byte> encode_base(const SampleBase& base) {
  EntityBaseHeader header = base.header;
  header.lost.clear();
  EntityBaseWriter out(header);
  for (const LostRecords& lost : base.header.lost) out.lose(lost);
  for (const EntityNewest& entity : base.entities) out.add(entity);
  EntityBaseWriter::Finished finished = out.finish();
  std::vector<std::byte> file = std::move(finished.header_page);
  file.insert(file.end(), finished.last_pages.begin(), finished.last_pages.end());
  return file;
}

Result<SampleBase> read_base(const SegmentIdentity& partition, Bytes file) {
  const Result<EntityBaseView> view = EntityBaseView::open(partition, file);
  if (!view) return std::unexpected(view.error());
  SampleBase read{.header = view->header(), .entities = {}};
  for (std::uint64_t number = 0; number < read.header.pages(); ++number) {
    const Result<EntityPage> page = view->page(number);
    if (!page) return std::unexpected(page.error());
    for (std::size_t slot = 0; slot < page->size(); ++slot) read.entities.push_back(page->at(slot));
  }
  return read;
}

SampleBase sample_base() {
  SampleBase base{.header = {.partition = sample_partition(),
                             .generation = 5,
                             .end_offset = Offset(1000),
                             .entities = 2,
                             .lost = {{.offsets = {.first = Offset(0), .end = Offset(500)},
                                       .first = {.high = 1ULL << 60U, .low = 7},
                                       .last = {.high = 1ULL << 61U, .low = 0}}}}};
  const StoreId store = sample_segment().store;
  base.entities = {{.hash = entity_hash(store, as_bytes("alice")),
                    .newest = {.increment = IncrementId(40), .offset = Offset(977)}},
                   {.hash = entity_hash(store, as_bytes("dave")),
                    .newest = {.increment = IncrementId(3), .offset = Offset(12)}}};
  std::ranges::sort(base.entities, {}, &EntityNewest::hash);
  return base;
}

std::vector<SampleBytes> all_samples() {
  return {
      {"record-smallest", encode(sample_smallest_record())},
      {"record", encode(sample_record())},
      {"record-tombstone", encode(sample_tombstone())},
      {"headers", sample_headers()},
      {"commit-block", sample_block().bytes},
      {"commit-block-witness", sample_witness().bytes},
      {"segment-header",
       sector_of([](MutableBytes to) { encode_segment_header(sample_segment_header(), to); })},
      {"segment-footer",
       sector_of([](MutableBytes to) { encode_segment_footer(sample_segment_footer(), to); })},
      {"index", encode_index(sample_segment(), sample_index())},
      {"catalog", encode_catalog(sample_catalog())},
      {"manifest", encode_manifest(sample_manifest())},
      {"producers", encode_producer_state(sample_segment(), sample_producers())},
      {"entities", encode_directory(sample_segment(), sample_directory())},
      {"entity-base", encode_base(sample_base())},
      {"checkpoint", encode_checkpoint(sample_segment(), sample_checkpoint())},
      {"losses", encode_losses(sample_partition(), sample_losses())},
      {"scrub", encode_scrub_state(sample_segment().store, sample_scrub())},
  };
}

bool same_fields(const RecordFields& a, const RecordFields& b) {
  return a.timestamp == b.timestamp && a.kind == b.kind && a.entity == b.entity &&
         a.producer == b.producer && a.expires_at == b.expires_at && a.not_before == b.not_before &&
         std::ranges::equal(a.key, b.key) &&
         std::ranges::equal(a.idempotency_key, b.idempotency_key) &&
         std::ranges::equal(a.headers, b.headers) && std::ranges::equal(a.value, b.value);
}

void reseal(MutableBytes bytes, const StoreId& store) {
  codec::store_wide(bytes.data(), xxh3_128(bytes.subspan(16), codec::seed_of(store)));
}

}  // namespace bimip::testing
