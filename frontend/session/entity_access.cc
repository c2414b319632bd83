#include "frontend/session/entity_access.h"

#include <algorithm>
#include <array>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "frontend/session/session.h"
#include "frontend/session/tape_words.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;
using engine::IncrementId;

namespace {

constexpr std::size_t kCursorBytes = 11;

// Where a listing goes on: a hash, most significant byte first.
std::string cursor_of(const engine::EntityHash& hash) {
  std::string cursor;
  for (int shift = 56; shift >= 0; shift -= 8)
    cursor.push_back(static_cast<char>(hash.high >> static_cast<unsigned>(shift)));
  for (int shift = 16; shift >= 0; shift -= 8)
    cursor.push_back(static_cast<char>(hash.low >> static_cast<unsigned>(shift)));
  return cursor;
}

engine::Result<engine::EntityHash> parse_cursor(const std::string& cursor) {
  engine::EntityHash hash;
  if (cursor.empty()) return hash;
  if (cursor.size() != kCursorBytes)
    return engine::fail(ErrorCode::kInvalidArgument, "from: not the `next` of a list");
  for (std::size_t i = 0; i < 8; ++i)
    hash.high = hash.high << 8U | static_cast<unsigned char>(cursor[i]);
  for (std::size_t i = 8; i < kCursorBytes; ++i)
    hash.low = hash.low << 8U | static_cast<unsigned char>(cursor[i]);
  return hash;
}

v1::EntityGapReason reason_of(engine::EntityGapKind kind) {
  switch (kind) {
    case engine::EntityGapKind::kRetention:
      return v1::ENTITY_GAP_REASON_RETENTION;
    case engine::EntityGapKind::kCompaction:
      return v1::ENTITY_GAP_REASON_COMPACTION;
    case engine::EntityGapKind::kExpired:
      return v1::ENTITY_GAP_REASON_EXPIRED;
    case engine::EntityGapKind::kDamage:
      return v1::ENTITY_GAP_REASON_DAMAGE;
  }
  return v1::ENTITY_GAP_REASON_UNSPECIFIED;
}

v1::EntityGap make_gap(v1::EntityGapReason reason, IncrementId first, IncrementId last) {
  v1::EntityGap gap;
  gap.set_reason(reason);
  gap.set_first_increment(first.value());
  gap.set_last_increment(last.value());
  return gap;
}

}  // namespace

v1::EntityGap gap_of(const engine::EntityGap& gap) {
  return make_gap(reason_of(gap.kind), gap.first, gap.last);
}

v1::EntityGap gap_of(const engine::Record& damaged) {
  const IncrementId increment = damaged.entity->increment;
  return make_gap(v1::ENTITY_GAP_REASON_DAMAGE, increment, increment);
}

engine::Status describe_record(const engine::Record& record, v1::DeliveredRecord& into) {
  into.set_offset(record.offset.value());
  into.set_timestamp_us(micros(record.timestamp));
  into.set_key(std::string(engine::as_text(record.key)));
  into.set_value(std::string(engine::as_text(record.value)));
  into.set_tombstone(record.kind == engine::RecordKind::kTombstone);
  if (record.entity) into.set_increment(record.entity->increment.value());
  if (record.expires_at) into.set_expires_at_us(micros(*record.expires_at));
  if (const auto held = engine::held_at(record)) into.set_held_at_offset(held->value());
  if (record.headers.empty()) return {};
  auto headers = engine::decode_headers(record.headers);
  if (!headers) return std::unexpected(std::move(headers.error()));
  for (const engine::Header& header : *headers) {
    v1::Header& out = *into.add_headers();
    out.set_name(std::string(header.name));
    out.set_value(std::string(engine::as_text(header.value)));
  }
  return {};
}

// A key's records on their way from the log.
class EntityAccess::Reading final : public engine::EntityReadRequest, public SessionRequest {
 public:
  enum class Answer : std::uint8_t { kNewest, kRecords };
  Reading(std::shared_ptr<Session> session, std::uint64_t id, std::string key_bytes, Answer answer)
      : SessionRequest(std::move(session)),
        id_(id),
        key_bytes_(std::move(key_bytes)),
        answer_(answer) {
    key = engine::as_bytes(key_bytes_);
    bytes_max = limits::kDeliveryBytes;
  }
  void on_entity_read(engine::Result<engine::EntityBatch> result) override {
    result_ = std::move(result);
    session()->host().came_back(*this);
  }
  void save(TapeWriter& to) const override { put(to, result_); }
  void restore(TapeReader& told) override {
    result_ = frontend::get<engine::Result<engine::EntityBatch>>(told);
  }
  void deliver(Moment) override { session()->entities().on_read(*this); }

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const std::string& key_bytes() const { return key_bytes_; }
  [[nodiscard]] Answer answer() const { return answer_; }
  [[nodiscard]] const engine::Result<engine::EntityBatch>& result() const { return result_; }

 private:
  const std::uint64_t id_;
  const std::string key_bytes_;
  const Answer answer_;
  engine::Result<engine::EntityBatch> result_{};
};

class EntityAccess::Listing final : public engine::EntityListRequest, public SessionRequest {
 public:
  Listing(std::shared_ptr<Session> session, std::uint64_t id)
      : SessionRequest(std::move(session)), id_(id) {}
  void on_entities(engine::Result<Page> result) override {
    result_ = std::move(result);
    session()->host().came_back(*this);
  }
  void save(TapeWriter& to) const override { put(to, result_); }
  void restore(TapeReader& told) override { result_ = frontend::get<engine::Result<Page>>(told); }
  void deliver(Moment) override { session()->entities().on_listed(*this); }

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const engine::Result<Page>& result() const { return result_; }

 private:
  const std::uint64_t id_;
  engine::Result<Page> result_{};
};

class EntityAccess::Erasing final : public engine::EraseRequest, public SessionRequest {
 public:
  Erasing(std::shared_ptr<Session> session, std::uint64_t id, std::string key_bytes)
      : SessionRequest(std::move(session)), id_(id), key_bytes_(std::move(key_bytes)) {
    key = engine::as_bytes(key_bytes_);
  }
  void on_erased(engine::Result<engine::Erased> result) override {
    result_ = std::move(result);
    session()->host().came_back(*this);
  }
  void save(TapeWriter& to) const override { put(to, result_); }
  void restore(TapeReader& told) override {
    result_ = frontend::get<engine::Result<engine::Erased>>(told);
  }
  void deliver(Moment) override { session()->entities().on_erased(*this); }

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const engine::Result<engine::Erased>& result() const { return result_; }

 private:
  const std::uint64_t id_;
  const std::string key_bytes_;
  engine::Result<engine::Erased> result_{};
};

bool EntityAccess::may_begin(Action action, std::uint64_t id, const std::string& topic) {
  if (!bearer_.check(action, topic, id)) return false;
  if (in_flight_ < limits::kEntityReadsMax) return true;
  outbox_.send_error(id, Code::kResourceExhausted,
                     "at most " + std::to_string(limits::kEntityReadsMax) +
                         " requests about entities are on their way at a time");
  return false;
}

engine::Result<EntityAccess::Place> EntityAccess::place_of(const std::string& topic,
                                                           const std::string& key) const {
  const auto info = host_.log().find_topic(topic);
  if (!info) return std::unexpected(info.error());
  if (key.empty()) return engine::fail(ErrorCode::kInvalidArgument, "an entity has a key");
  return Place{
      .topic = info->id,
      .partition = engine::partition_of_key(engine::as_bytes(key), info->config.partitions)};
}

void EntityAccess::begin(std::unique_ptr<Reading> reading, const std::string& topic) {
  const engine::Result<Place> place = place_of(topic, reading->key_bytes());
  if (!place) return outbox_.send_error(reading->id(), place.error());
  reading->topic = place->topic;
  reading->partition = place->partition;
  ++in_flight_;
  host_.log().read_entity(*reading.release());
}

void EntityAccess::get(const std::shared_ptr<Session>& session, std::uint64_t id,
                       const v1::GetEntity& get) {
  if (!may_begin(Action::kSubscribe, id, get.topic())) return;
  auto reading = std::make_unique<Reading>(session, id, get.key(), Reading::Answer::kNewest);
  reading->order = engine::EntityOrder::kNewestFirst;
  reading->records_max = 1;
  begin(std::move(reading), get.topic());
}

void EntityAccess::read(const std::shared_ptr<Session>& session, std::uint64_t id,
                        const v1::ReadEntity& read) {
  if (!may_begin(Action::kSubscribe, id, read.topic())) return;
  auto reading = std::make_unique<Reading>(session, id, read.key(), Reading::Answer::kRecords);
  reading->order =
      read.newest_first() ? engine::EntityOrder::kNewestFirst : engine::EntityOrder::kOldestFirst;
  if (read.from_increment() != 0) reading->from = IncrementId(read.from_increment());
  if (read.records_max() != 0) reading->records_max = read.records_max();
  begin(std::move(reading), read.topic());
}

void EntityAccess::on_read(Reading& reading) {
  --in_flight_;
  if (!reading.result()) return outbox_.send_error(reading.id(), reading.result().error());
  if (reading.answer() == Reading::Answer::kNewest) {
    answer_newest(reading);
  } else {
    answer_records(reading);
  }
}

void EntityAccess::answer_newest(const Reading& reading) {
  const engine::EntityBatch& batch = *reading.result();
  v1::Stanza stanza;
  stanza.set_id(reading.id());
  v1::Entity& entity = *stanza.mutable_entity();
  entity.set_partition(reading.partition.value());
  entity.set_key(reading.key_bytes());
  entity.set_last_increment(batch.last_increment().value());
  if (!batch.records().empty() &&
      batch.records().front().entity->increment == batch.last_increment()) {
    const engine::Status whole = describe_record(batch.records().front(), *entity.mutable_newest());
    if (!whole) entity.clear_newest();
  }
  outbox_.send(stanza);
}

void EntityAccess::answer_records(const Reading& reading) {
  const engine::EntityBatch& batch = *reading.result();
  v1::Stanza stanza;
  stanza.set_id(reading.id());
  v1::EntityRecords& answer = *stanza.mutable_entity_records();
  answer.set_partition(reading.partition.value());
  answer.set_last_increment(batch.last_increment().value());
  for (const engine::Record& record : batch.records()) {
    if (describe_record(record, *answer.add_records())) continue;
    answer.mutable_records()->RemoveLast();
    *answer.add_gaps() = gap_of(record);
  }
  for (const engine::EntityGap& gap : batch.gaps()) *answer.add_gaps() = gap_of(gap);
  const bool at_end =
      reading.order == engine::EntityOrder::kOldestFirst && batch.next() > batch.last_increment();
  answer.set_next_increment(at_end ? 0 : batch.next().value());
  outbox_.send(stanza);
}

void EntityAccess::list(const std::shared_ptr<Session>& session, std::uint64_t id,
                        const v1::ListEntities& list) {
  if (!may_begin(Action::kSubscribe, id, list.topic())) return;
  const auto topic = host_.log().find_topic(list.topic());
  if (!topic) return outbox_.send_error(id, topic.error());
  if (list.partition() >= topic->config.partitions) {
    return outbox_.send_error(id, Code::kNotFound,
                              "'" + list.topic() + "' has " +
                                  std::to_string(topic->config.partitions) +
                                  " partitions, no partition " + std::to_string(list.partition()));
  }
  const engine::Result<engine::EntityHash> from = parse_cursor(list.from());
  if (!from) return outbox_.send_error(id, from.error());
  auto listing = std::make_unique<Listing>(session, id);
  listing->topic = topic->id;
  listing->partition = engine::PartitionId(list.partition());
  listing->from = *from;
  listing->entities_max = limits::kEntitiesPerList;
  if (list.entities_max() != 0)
    listing->entities_max = std::min<std::size_t>(listing->entities_max, list.entities_max());
  ++in_flight_;
  host_.log().list_entities(*listing.release());
}

void EntityAccess::on_listed(Listing& listing) {
  --in_flight_;
  if (!listing.result()) return outbox_.send_error(listing.id(), listing.result().error());
  v1::Stanza stanza;
  stanza.set_id(listing.id());
  v1::EntityList& list = *stanza.mutable_entity_list();
  for (const engine::EntityInfo& info : listing.result()->entities) {
    v1::Entity& entity = *list.add_entities();
    entity.set_partition(listing.partition.value());
    entity.set_key(std::string(engine::as_text(info.key)));
    entity.set_last_increment(info.state.last_increment.value());
  }
  if (listing.result()->next) list.set_next(cursor_of(*listing.result()->next));
  outbox_.send(stanza);
}

void EntityAccess::erase(const std::shared_ptr<Session>& session, std::uint64_t id,
                         const v1::EraseEntity& erase) {
  if (!may_begin(Action::kAdmin, id, erase.topic())) return;
  const engine::Result<Place> place = place_of(erase.topic(), erase.key());
  if (!place) return outbox_.send_error(id, place.error());
  auto erasing = std::make_unique<Erasing>(session, id, erase.key());
  erasing->topic = place->topic;
  ++in_flight_;
  host_.log().erase_entity(*erasing.release());
}

void EntityAccess::on_erased(const Erasing& erasing) {
  --in_flight_;
  if (!erasing.result()) return outbox_.send_error(erasing.id(), erasing.result().error());
  v1::Stanza stanza;
  stanza.set_id(erasing.id());
  v1::EntityErased& erased = *stanza.mutable_entity_erased();
  erased.set_records(erasing.result()->records);
  erased.set_record_bytes(erasing.result()->record_bytes);
  erased.set_segments_rewritten(erasing.result()->segments_rewritten);
  erased.set_files_proven(erasing.result()->files_proven);
  erased.set_bytes_proven(erasing.result()->bytes_proven);
  erased.set_mentions(erasing.result()->mentions);
  outbox_.send(stanza);
}

}  // namespace bimip::frontend
