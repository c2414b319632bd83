#include "frontend/session/tape_words.h"

#include <memory>

#include "engine/format/commit_block.h"
#include "engine/format/record.h"

namespace bimip::frontend {
namespace {

using engine::Bytes;

// A block that came from a tape, and the bytes it is made of.
struct KeptBlock {
  std::string bytes;
  engine::Block block;
};

engine::BlockRef block_of(std::string_view bytes, TapeReader& from) {
  auto kept = std::make_shared<KeptBlock>(KeptBlock{.bytes = std::string(bytes), .block = {}});
  const Bytes all = engine::as_bytes(kept->bytes);
  if (all.size() < engine::kBlockHeaderBytes) {
    from.fail();
    return nullptr;
  }
  const auto header = engine::decode_block_header(all.first(engine::kBlockHeaderBytes));
  if (!header || header->block_bytes != all.size() || !engine::check_payload(*header, all)) {
    from.fail();
    return nullptr;
  }
  kept->block.header = *header;
  kept->block.bytes = all;
  return {kept, &kept->block};
}

void put_block(TapeWriter& to, const engine::BlockRef& block) {
  BlockShelf& shelf = to.memory().blocks;
  if (const auto number = shelf.number_of(block)) return to.number(*number + 1);
  to.number(0);
  to.bytes(engine::as_text(block->bytes));
  shelf.put(block);
}

engine::BlockRef get_block(TapeReader& from) {
  BlockShelf& shelf = from.memory().blocks;
  if (const std::uint64_t number = from.number(); number > 0) {
    engine::BlockRef block = shelf.at(number - 1);
    if (block == nullptr) from.fail();
    return block;
  }
  engine::BlockRef block = block_of(from.bytes(), from);
  if (block != nullptr) shelf.put(block);
  return block;
}

void put_id(TapeWriter& to, const engine::Id128& id) {
  to.fixed(id.high);
  to.fixed(id.low);
}

engine::Id128 get_id(TapeReader& from) {
  const std::uint64_t high = from.fixed();
  return {.high = high, .low = from.fixed()};
}

void put_record(TapeWriter& to, const engine::Record& record) {
  put(to, record.offset);
  put(to, record.timestamp);
  put(to, record.kind);
  to.number(record.entity ? 1 : 0);
  if (record.entity) {
    put(to, record.entity->increment);
    put(to, record.entity->previous);
  }
  to.number(record.producer ? 1 : 0);
  if (record.producer) {
    put_id(to, record.producer->id);
    put(to, record.producer->number);
  }
  put(to, record.expires_at);
  put(to, record.not_before);
  for (const Bytes part : {record.key, record.idempotency_key, record.headers, record.value})
    to.bytes(engine::as_text(part));
}

// The bytes of records that came from a tape; an EntityBatch keeps them as its blocks.
struct KeptRecords {
  std::deque<std::string> bytes;
  engine::Block block;
};

engine::Record get_record(TapeReader& from, KeptRecords& kept) {
  engine::Record record;
  record.offset = get<engine::Offset>(from);
  record.timestamp = get<engine::Timestamp>(from);
  record.kind = get<engine::RecordKind>(from);
  if (from.number() != 0) {
    const auto increment = get<engine::IncrementId>(from);
    record.entity = {.increment = increment, .previous = get<std::optional<engine::Offset>>(from)};
  }
  if (from.number() != 0) {
    const engine::Id128 id = get_id(from);
    record.producer = {.id = id, .number = get<engine::ProducerNumber>(from)};
  }
  record.expires_at = get<std::optional<engine::Timestamp>>(from);
  record.not_before = get<std::optional<engine::Timestamp>>(from);
  for (Bytes* part : {&record.key, &record.idempotency_key, &record.headers, &record.value})
    *part = engine::as_bytes(kept.bytes.emplace_back(from.bytes()));
  return record;
}

}  // namespace

template <>
void SpelledOut<engine::TopicInfo>::put(TapeWriter& to, const engine::TopicInfo& value) {
  frontend::put(to, value.id);
  frontend::put(to, value.name);
  frontend::put(to, value.created_at);
  const engine::TopicConfig& config = value.config;
  frontend::put(to, config.partitions);
  frontend::put(to, config.durability);
  frontend::put(to, config.segment_bytes);
  frontend::put(to, config.segment_age);
  frontend::put(to, config.retention_age);
  frontend::put(to, config.retention_bytes);
  frontend::put(to, config.retention_floor);
  frontend::put(to, config.entity_records_max);
  frontend::put(to, config.entity_age);
  frontend::put(to, config.compaction);
  frontend::put(to, config.tombstone_grace);
  frontend::put(to, config.hold_max);
}
template <>
engine::TopicInfo SpelledOut<engine::TopicInfo>::get(TapeReader& from) {
  engine::TopicInfo value;
  value.id = frontend::get<engine::TopicId>(from);
  value.name = frontend::get<std::string>(from);
  value.created_at = frontend::get<engine::Timestamp>(from);
  engine::TopicConfig& config = value.config;
  config.partitions = frontend::get<std::uint32_t>(from);
  if (config.partitions == 0 || config.partitions > engine::limits::kPartitionsPerTopicMax) {
    from.fail();
    config.partitions = 1;
  }
  config.durability = frontend::get<engine::Durability>(from);
  config.segment_bytes = frontend::get<std::uint64_t>(from);
  config.segment_age = frontend::get<std::chrono::seconds>(from);
  config.retention_age = frontend::get<std::chrono::seconds>(from);
  config.retention_bytes = frontend::get<std::uint64_t>(from);
  config.retention_floor = frontend::get<engine::RetentionFloor>(from);
  config.entity_records_max = frontend::get<std::uint64_t>(from);
  config.entity_age = frontend::get<std::chrono::seconds>(from);
  config.compaction = frontend::get<engine::Compaction>(from);
  config.tombstone_grace = frontend::get<std::chrono::seconds>(from);
  config.hold_max = frontend::get<std::chrono::seconds>(from);
  return value;
}

template <>
void SpelledOut<engine::LogBounds>::put(TapeWriter& to, const engine::LogBounds& value) {
  frontend::put(to, value.start);
  frontend::put(to, value.visible_end);
  frontend::put(to, value.durable_end);
}
template <>
engine::LogBounds SpelledOut<engine::LogBounds>::get(TapeReader& from) {
  engine::LogBounds value;
  value.start = frontend::get<engine::Offset>(from);
  value.visible_end = frontend::get<engine::Offset>(from);
  value.durable_end = frontend::get<engine::Offset>(from);
  return value;
}

template <>
void SpelledOut<engine::PartitionTrouble>::put(TapeWriter& to,
                                               const engine::PartitionTrouble& value) {
  frontend::put(to, value.topic);
  frontend::put(to, value.partition);
  frontend::put(to, value.reads);
  frontend::put(to, value.error);
}
template <>
engine::PartitionTrouble SpelledOut<engine::PartitionTrouble>::get(TapeReader& from) {
  const auto topic = frontend::get<engine::TopicId>(from);
  const auto partition = frontend::get<engine::PartitionId>(from);
  const auto reads = frontend::get<engine::PartitionTrouble::Reads>(from);
  return {.topic = topic,
          .partition = partition,
          .reads = reads,
          .error = frontend::get<engine::Error>(from)};
}

template <>
void SpelledOut<engine::Appended>::put(TapeWriter& to, const engine::Appended& value) {
  frontend::put(to, value.first);
  frontend::put(to, value.offsets);
}
template <>
engine::Appended SpelledOut<engine::Appended>::get(TapeReader& from) {
  const auto first = frontend::get<engine::Offset>(from);
  return {.first = first, .offsets = frontend::get<std::vector<engine::Offset>>(from)};
}

template <>
void SpelledOut<engine::RecordBatch>::put(TapeWriter& to, const engine::RecordBatch& value) {
  frontend::put(to, value.range());
  frontend::put(to, value.as_of());
  to.number(value.blocks().size());
  for (const engine::BlockRef& block : value.blocks()) put_block(to, block);
}
template <>
engine::RecordBatch SpelledOut<engine::RecordBatch>::get(TapeReader& from) {
  const auto range = frontend::get<engine::OffsetRange>(from);
  const auto as_of = frontend::get<engine::Timestamp>(from);
  std::vector<engine::BlockRef> blocks;
  for (std::uint64_t left = from.number(); left > 0 && from.ok(); --left) {
    engine::BlockRef block = get_block(from);
    if (block != nullptr) blocks.push_back(std::move(block));
  }
  return {std::move(blocks), range, as_of};
}

template <>
void SpelledOut<engine::EntityHash>::put(TapeWriter& to, const engine::EntityHash& value) {
  to.fixed(value.high);
  to.number(value.low);
}
template <>
engine::EntityHash SpelledOut<engine::EntityHash>::get(TapeReader& from) {
  engine::EntityHash value;
  value.high = from.fixed();
  value.low = static_cast<decltype(value.low)>(from.number());
  return value;
}

template <>
void SpelledOut<engine::EntityState>::put(TapeWriter& to, const engine::EntityState& value) {
  frontend::put(to, value.last_increment);
  frontend::put(to, value.newest);
}
template <>
engine::EntityState SpelledOut<engine::EntityState>::get(TapeReader& from) {
  const auto last = frontend::get<engine::IncrementId>(from);
  return {.last_increment = last, .newest = frontend::get<engine::Offset>(from)};
}

template <>
void SpelledOut<engine::EntityGap>::put(TapeWriter& to, const engine::EntityGap& value) {
  frontend::put(to, value.kind);
  frontend::put(to, value.first);
  frontend::put(to, value.last);
  frontend::put(to, value.offsets);
}
template <>
engine::EntityGap SpelledOut<engine::EntityGap>::get(TapeReader& from) {
  engine::EntityGap value;
  value.kind = frontend::get<engine::EntityGapKind>(from);
  value.first = frontend::get<engine::IncrementId>(from);
  value.last = frontend::get<engine::IncrementId>(from);
  value.offsets = frontend::get<engine::OffsetRange>(from);
  return value;
}

template <>
void SpelledOut<engine::EntityBatch>::put(TapeWriter& to, const engine::EntityBatch& value) {
  to.number(value.records().size());
  for (const engine::Record& record : value.records()) put_record(to, record);
  frontend::put(to, value.gaps());
  frontend::put(to, value.last_increment());
  frontend::put(to, value.next());
}
template <>
engine::EntityBatch SpelledOut<engine::EntityBatch>::get(TapeReader& from) {
  auto kept = std::make_shared<KeptRecords>();
  engine::EntityBatch::Parts parts;
  for (std::uint64_t left = from.number(); left > 0 && from.ok(); --left) {
    parts.records.push_back(get_record(from, *kept));
    if (!parts.records.back().entity) from.fail();  // an entity's records always have it
  }
  if (!from.ok()) parts.records.clear();
  parts.blocks.emplace_back(kept, &kept->block);
  parts.gaps = frontend::get<std::vector<engine::EntityGap>>(from);
  parts.last_increment = frontend::get<engine::IncrementId>(from);
  parts.next = frontend::get<engine::IncrementId>(from);
  return engine::EntityBatch(std::move(parts));
}

template <>
void SpelledOut<engine::EntityInfo>::put(TapeWriter& to, const engine::EntityInfo& value) {
  frontend::put(to, value.hash);
  to.bytes(engine::as_text(value.key));
  frontend::put(to, value.state);
}
template <>
engine::EntityInfo SpelledOut<engine::EntityInfo>::get(TapeReader& from) {
  engine::EntityInfo value;
  value.hash = frontend::get<engine::EntityHash>(from);
  const Bytes key = engine::as_bytes(from.bytes());
  value.key.assign(key.begin(), key.end());
  value.state = frontend::get<engine::EntityState>(from);
  return value;
}

template <>
void SpelledOut<engine::Erased>::put(TapeWriter& to, const engine::Erased& value) {
  frontend::put(to, value.records);
  frontend::put(to, value.record_bytes);
  frontend::put(to, value.segments_rewritten);
  frontend::put(to, value.files_proven);
  frontend::put(to, value.bytes_proven);
  frontend::put(to, value.mentions);
}
template <>
engine::Erased SpelledOut<engine::Erased>::get(TapeReader& from) {
  engine::Erased value;
  for (std::uint64_t* number : {&value.records, &value.record_bytes, &value.segments_rewritten,
                                &value.files_proven, &value.bytes_proven, &value.mentions})
    *number = from.number();
  return value;
}

using Page = engine::EntityListRequest::Page;
template <>
void SpelledOut<Page>::put(TapeWriter& to, const Page& value) {
  frontend::put(to, value.entities);
  frontend::put(to, value.next);
}
template <>
Page SpelledOut<Page>::get(TapeReader& from) {
  Page value;
  value.entities = frontend::get<std::vector<engine::EntityInfo>>(from);
  value.next = frontend::get<std::optional<engine::EntityHash>>(from);
  return value;
}

template <>
void SpelledOut<Permissions>::put(TapeWriter& to, const Permissions& value) {
  frontend::put(to, value.publish);
  frontend::put(to, value.subscribe);
  frontend::put(to, value.admin);
  frontend::put(to, value.is_operator);
}
template <>
Permissions SpelledOut<Permissions>::get(TapeReader& from) {
  Permissions value;
  value.publish = frontend::get<std::vector<std::string>>(from);
  value.subscribe = frontend::get<std::vector<std::string>>(from);
  value.admin = frontend::get<std::vector<std::string>>(from);
  value.is_operator = frontend::get<bool>(from);
  return value;
}

template <>
void SpelledOut<TokenFacts>::put(TapeWriter& to, const TokenFacts& value) {
  frontend::put(to, value.id);
  frontend::put(to, value.device);
  frontend::put(to, value.issued_at);
  frontend::put(to, value.expires_at);
  frontend::put(to, value.key_fingerprint);
}
template <>
TokenFacts SpelledOut<TokenFacts>::get(TapeReader& from) {
  TokenFacts value;
  value.id = frontend::get<std::string>(from);
  value.device = frontend::get<std::string>(from);
  value.issued_at = frontend::get<std::optional<engine::Timestamp>>(from);
  value.expires_at = frontend::get<engine::Timestamp>(from);
  value.key_fingerprint = frontend::get<std::string>(from);
  return value;
}

// From a token that was checked: it always has its facts.
template <>
void SpelledOut<Grant>::put(TapeWriter& to, const Grant& value) {
  frontend::put(to, value.eid);
  frontend::put(to, *value.permissions);
  frontend::put(to, *value.token);
}
template <>
Grant SpelledOut<Grant>::get(TapeReader& from) {
  std::string eid = frontend::get<std::string>(from);
  auto permissions = std::make_shared<const Permissions>(frontend::get<Permissions>(from));
  return {.eid = std::move(eid),
          .permissions = std::move(permissions),
          .token = std::make_shared<const TokenFacts>(frontend::get<TokenFacts>(from))};
}

template <>
void SpelledOut<TokenRefusal>::put(TapeWriter& to, const TokenRefusal& value) {
  frontend::put(to, value.reason);
}
template <>
TokenRefusal SpelledOut<TokenRefusal>::get(TapeReader& from) {
  return {.reason = frontend::get<std::string>(from)};
}

template <>
void SpelledOut<DeliveredRange>::put(TapeWriter& to, const DeliveredRange& value) {
  frontend::put(to, value.offsets);
  frontend::put(to, value.deliveries);
}
template <>
DeliveredRange SpelledOut<DeliveredRange>::get(TapeReader& from) {
  const auto offsets = frontend::get<engine::OffsetRange>(from);
  return {.offsets = offsets, .deliveries = frontend::get<std::uint32_t>(from)};
}

template <>
void SpelledOut<GivenPartition>::put(TapeWriter& to, const GivenPartition& value) {
  frontend::put(to, value.partition);
  frontend::put(to, value.committed);
  frontend::put(to, value.attempts);
}
template <>
GivenPartition SpelledOut<GivenPartition>::get(TapeReader& from) {
  GivenPartition value;
  value.partition = frontend::get<engine::PartitionId>(from);
  value.committed = frontend::get<std::optional<engine::Offset>>(from);
  value.attempts = frontend::get<std::vector<DeliveredRange>>(from);
  return value;
}

template <>
void SpelledOut<HandedBack>::put(TapeWriter& to, const HandedBack& value) {
  frontend::put(to, value.partition);
  frontend::put(to, value.committed);
  frontend::put(to, value.unacknowledged);
}

template <>
void SpelledOut<GroupChange>::put(TapeWriter& to, const GroupChange& value) {
  frontend::put(to, value.generation);
  frontend::put(to, value.taken);
  frontend::put(to, value.given);
}
template <>
GroupChange SpelledOut<GroupChange>::get(TapeReader& from) {
  GroupChange value;
  value.generation = frontend::get<std::uint64_t>(from);
  value.taken = frontend::get<std::vector<engine::PartitionId>>(from);
  value.given = frontend::get<std::vector<GivenPartition>>(from);
  return value;
}

template <>
void SpelledOut<Mark::Range>::put(TapeWriter& to, const Mark::Range& value) {
  frontend::put(to, value.first);
  frontend::put(to, value.last);
}
template <>
Mark::Range SpelledOut<Mark::Range>::get(TapeReader& from) {
  const auto first = frontend::get<engine::IncrementId>(from);
  return {.first = first, .last = frontend::get<engine::IncrementId>(from)};
}

}  // namespace bimip::frontend
