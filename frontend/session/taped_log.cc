#include "frontend/session/taped_log.h"

#include <string>

#include "engine/base/assert.h"
#include "frontend/session/tape_words.h"

namespace bimip::frontend {

using engine::PartitionId;
using engine::Result;
using engine::TopicId;
using engine::TopicInfo;

namespace {

std::string text_of(engine::Bytes bytes) { return std::string(engine::as_text(bytes)); }

}  // namespace

// Asked where it may block, which is not on a session's thread.
Result<TopicInfo> TapedLog::create_topic(std::string_view name, const engine::TopicConfig& config) {
  return behind_->create_topic(name, config);
}

Result<TopicInfo> TapedLog::alter_topic(std::string_view name, const engine::TopicChange& change) {
  return behind_->alter_topic(name, change);
}

Result<TopicInfo> TapedLog::find_topic(std::string_view name) const {
  return tape_.learn([&] { return behind_->find_topic(name); });
}

std::vector<TopicInfo> TapedLog::list_topics() const {
  return tape_.learn([&] { return behind_->list_topics(); });
}

Result<engine::LogBounds> TapedLog::bounds(TopicId topic, PartitionId partition) const {
  return tape_.learn([&] { return behind_->bounds(topic, partition); });
}

std::vector<engine::PartitionTrouble> TapedLog::troubles() const {
  return tape_.learn([&] { return behind_->troubles(); });
}

void TapedLog::append(engine::AppendRequest& request) {
  tape_.asked(request.topic, request.partition, request.records.size(), request.settled_below,
              request.durability);
  for (const engine::RecordFields& record : request.records) {
    tape_.asked(record.kind, record.expires_at, record.not_before, text_of(record.key),
                text_of(record.idempotency_key), text_of(record.headers), text_of(record.value));
  }
  if (behind_ != nullptr) behind_->append(request);
}

void TapedLog::read(engine::ReadRequest& request) {
  tape_.asked(request.topic, request.partition, request.from, request.bytes_max);
  if (behind_ != nullptr) behind_->read(request);
}

void TapedLog::find_time(engine::TimeRequest& request) {
  tape_.asked(request.topic, request.partition, request.time);
  if (behind_ != nullptr) behind_->find_time(request);
}

void TapedLog::find_entity(engine::EntityRequest& request) {
  tape_.asked(request.topic, request.partition, text_of(request.key));
  if (behind_ != nullptr) behind_->find_entity(request);
}

void TapedLog::read_entity(engine::EntityReadRequest& request) {
  tape_.asked(request.topic, request.partition, text_of(request.key), request.order, request.from,
              request.records_max, request.bytes_max);
  if (behind_ != nullptr) behind_->read_entity(request);
}

void TapedLog::list_entities(engine::EntityListRequest& request) {
  tape_.asked(request.topic, request.partition, request.from, request.entities_max);
  if (behind_ != nullptr) behind_->list_entities(request);
}

void TapedLog::erase_entity(engine::EraseRequest& request) {
  tape_.asked(request.topic, text_of(request.key));
  if (behind_ != nullptr) behind_->erase_entity(request);
}

// The node's groups do it, no session.
void TapedLog::set_retention_floor(TopicId topic, PartitionId partition, engine::Offset floor) {
  BIMIP_ASSERT(behind_ != nullptr);
  behind_->set_retention_floor(topic, partition, floor);
}

void TapedLog::reopen(engine::ReopenRequest& request) {
  tape_.asked(request.topic, request.partition);
  if (behind_ != nullptr) behind_->reopen(request);
}

engine::Status TapedLog::watch(TopicId topic, PartitionId partition, engine::Watcher& watcher) {
  BIMIP_ASSERT(behind_ != nullptr);
  return behind_->watch(topic, partition, watcher);
}

void TapedLog::unwatch(TopicId topic, PartitionId partition, engine::Watcher& watcher) {
  BIMIP_ASSERT(behind_ != nullptr);
  behind_->unwatch(topic, partition, watcher);
}

}  // namespace bimip::frontend
