#include "frontend/session/topic_commands.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "bimip/v1/stanza.pb.h"
#include "frontend/session/session.h"
#include "frontend/session/tape_words.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

using Troubles = std::vector<engine::PartitionTrouble>;

// `troubles`: of the log.
void describe(engine::Log& log, const engine::TopicInfo& info, const Troubles& troubles,
              v1::TopicDescription& into) {
  into.set_topic(info.name);
  into.set_topic_id(info.id.value());
  into.set_created_at_us(micros(info.created_at));
  v1::TopicConfig& config = *into.mutable_config();
  config.set_partitions(info.config.partitions);
  config.set_durability(info.config.durability == engine::Durability::kDurable
                            ? v1::DURABILITY_DURABLE
                            : v1::DURABILITY_WRITTEN);
  config.set_segment_bytes(info.config.segment_bytes);
  config.set_segment_age_s(static_cast<std::uint64_t>(info.config.segment_age.count()));
  config.set_retention_age_s(static_cast<std::uint64_t>(info.config.retention_age.count()));
  config.set_retention_bytes(info.config.retention_bytes);
  config.set_compaction(info.config.compaction == engine::Compaction::kNewest
                            ? v1::COMPACTION_NEWEST
                            : v1::COMPACTION_NONE);
  config.set_retention_floor(info.config.retention_floor == engine::RetentionFloor::kCursors
                                 ? v1::RETENTION_FLOOR_CURSORS
                                 : v1::RETENTION_FLOOR_NONE);
  config.set_entity_records_max(info.config.entity_records_max);
  config.set_entity_age_s(static_cast<std::uint64_t>(info.config.entity_age.count()));
  config.set_tombstone_grace_s(static_cast<std::uint64_t>(info.config.tombstone_grace.count()));
  config.set_hold_max_s(static_cast<std::uint64_t>(info.config.hold_max.count()));
  for (std::uint32_t i = 0; i < info.config.partitions; ++i) {
    v1::PartitionDescription& partition = *into.add_partitions();
    partition.set_partition(i);
    const auto trouble = std::ranges::find_if(troubles, [&](const engine::PartitionTrouble& one) {
      return one.topic == info.id && one.partition.value() == i;
    });
    if (trouble != troubles.end())
      partition.set_trouble(trouble->error.message.substr(0, limits::kErrorTextBytes));
    // A partition that could not be opened has no bounds; its readers and writers are told why.
    if (const auto bounds = log.bounds(info.id, engine::PartitionId(i))) {
      partition.set_log_start_offset(bounds->start.value());
      partition.set_log_end_offset(bounds->visible_end.value());
    }
  }
}

void answer(Session& session, std::uint64_t id, const engine::Result<engine::TopicInfo>& topic) {
  if (!topic) {
    session.outbox().send_error(id, topic.error());
    return;
  }
  v1::Stanza stanza;
  stanza.set_id(id);
  engine::Log& log = session.host().log();
  describe(log, *topic, log.troubles(), *stanza.mutable_topic_description());
  session.outbox().send(stanza);
}

// A number of seconds off the wire; what cannot be one is refused with what the log refuses.
std::chrono::seconds seconds_of(std::uint64_t asked) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return std::chrono::seconds(static_cast<std::int64_t>(std::min(asked, kMost)));
}

// None: it was not said.
engine::Result<std::optional<engine::RetentionFloor>> floor_of(v1::RetentionFloor asked) {
  switch (asked) {
    case v1::RETENTION_FLOOR_UNSPECIFIED:
      return std::nullopt;
    case v1::RETENTION_FLOOR_NONE:
      return engine::RetentionFloor::kNone;
    case v1::RETENTION_FLOOR_CURSORS:
      return engine::RetentionFloor::kCursors;
    default:
      return engine::fail(engine::ErrorCode::kInvalidArgument, "no such retention floor");
  }
}

engine::Result<engine::TopicConfig> config_of(const v1::TopicConfig& asked) {
  engine::TopicConfig config;
  if (asked.partitions() != 0) config.partitions = asked.partitions();
  if (asked.segment_bytes() != 0) config.segment_bytes = asked.segment_bytes();
  if (asked.segment_age_s() != 0) config.segment_age = seconds_of(asked.segment_age_s());
  config.retention_age = seconds_of(asked.retention_age_s());
  config.retention_bytes = asked.retention_bytes();
  const auto floor = floor_of(asked.retention_floor());
  if (!floor) return std::unexpected(floor.error());
  config.retention_floor = floor->value_or(config.retention_floor);
  config.entity_records_max = asked.entity_records_max();
  config.entity_age = seconds_of(asked.entity_age_s());
  if (asked.compaction() == v1::COMPACTION_NEWEST) config.compaction = engine::Compaction::kNewest;
  if (!v1::Compaction_IsValid(asked.compaction()))
    return engine::fail(engine::ErrorCode::kInvalidArgument, "no such compaction");
  if (asked.tombstone_grace_s() != 0)
    config.tombstone_grace = seconds_of(asked.tombstone_grace_s());
  if (asked.hold_max_s() != 0) config.hold_max = seconds_of(asked.hold_max_s());
  switch (asked.durability()) {
    case v1::DURABILITY_UNSPECIFIED:
    case v1::DURABILITY_DURABLE:
      return config;
    case v1::DURABILITY_WRITTEN:
      config.durability = engine::Durability::kWritten;
      return config;
    default:
      return engine::fail(engine::ErrorCode::kInvalidArgument, "no such durability");
  }
}

// Changes the catalog on a thread that may block.
class TopicChangeRequest final : public SessionRequest {
 public:
  using Work = std::function<engine::Result<engine::TopicInfo>(engine::Log&)>;
  TopicChangeRequest(std::shared_ptr<Session> session, std::uint64_t id, Work work)
      : SessionRequest(std::move(session)), id_(id), work_(std::move(work)) {}
  void run() {
    result_ = work_(session()->host().log_elsewhere());
    session()->host().came_back(*this);
  }
  void save(TapeWriter& to) const override { put(to, result_); }
  void restore(TapeReader& told) override {
    result_ = get<engine::Result<engine::TopicInfo>>(told);
  }
  void deliver(Moment) override { answer(*session(), id_, result_); }

 private:
  const std::uint64_t id_;
  const Work work_;
  engine::Result<engine::TopicInfo> result_{};
};

void run_blocking(const std::shared_ptr<Session>& session, std::uint64_t id,
                  TopicChangeRequest::Work work) {
  auto request = std::make_unique<TopicChangeRequest>(session, id, std::move(work));
  session->host().run_blocking([at = request.release()] { at->run(); });
}

// Several partitions on their way back; the topic is described when all have answered.
class TopicReopening final : public SessionRequest {
 public:
  TopicReopening(std::shared_ptr<Session> session, std::uint64_t id, engine::TopicInfo topic,
                 const std::vector<engine::PartitionId>& partitions)
      : SessionRequest(std::move(session)),
        id_(id),
        topic_(std::move(topic)),
        left_(partitions.size()) {
    for (const engine::PartitionId partition : partitions) {
      parts_.push_back(std::make_unique<Part>(*this));
      parts_.back()->topic = topic_.id;
      parts_.back()->partition = partition;
    }
  }
  // Owned by the log from here on: the last answer may end it before the last reopen() returns.
  void run() {
    engine::Log& log = session()->host().log();
    std::vector<Part*> parts;
    for (const std::unique_ptr<Part>& part : parts_) parts.push_back(part.get());
    for (Part* part : parts) log.reopen(*part);
  }
  void save(TapeWriter& to) const override {
    for (const std::unique_ptr<Part>& part : parts_) put(to, part->result);
  }
  void restore(TapeReader& from) override {
    for (const std::unique_ptr<Part>& part : parts_) part->result = get<engine::Status>(from);
  }
  void deliver(Moment) override {
    for (const std::unique_ptr<Part>& part : parts_) {
      if (!part->result) return answer(*session(), id_, std::unexpected(part->result.error()));
    }
    answer(*session(), id_, topic_);
  }

 private:
  struct Part final : engine::ReopenRequest {
    explicit Part(TopicReopening& whole_) : whole(whole_) {}
    void on_reopened(engine::Status status) override {
      result = std::move(status);
      if (whole.left_.fetch_sub(1) == 1) whole.session()->host().came_back(whole);
    }
    TopicReopening& whole;
    engine::Status result{};
  };
  const std::uint64_t id_;
  const engine::TopicInfo topic_;
  std::atomic<std::size_t> left_;
  std::vector<std::unique_ptr<Part>> parts_;
};

}  // namespace

void reopen_topic(const std::shared_ptr<Session>& session, std::uint64_t id,
                  const v1::ReopenTopic& reopen) {
  if (!session->bearer().check(Action::kAdmin, reopen.topic(), id)) return;
  const engine::Result<engine::TopicInfo> topic = session->host().log().find_topic(reopen.topic());
  if (!topic) return answer(*session, id, topic);
  std::vector<engine::PartitionId> partitions;
  for (std::uint32_t i = 0; i < topic->config.partitions; ++i) {
    if (!reopen.has_partition() || reopen.partition() == i)
      partitions.push_back(engine::PartitionId(i));
  }
  if (partitions.empty())
    return answer(*session, id,
                  engine::fail(engine::ErrorCode::kNotFound, "the topic has no such partition"));
  auto reopening = std::make_unique<TopicReopening>(session, id, *topic, partitions);
  reopening.release()->run();
}

void create_topic(const std::shared_ptr<Session>& session, std::uint64_t id,
                  const v1::CreateTopic& create) {
  if (!session->bearer().check(Action::kAdmin, create.topic(), id)) return;
  const engine::Result<engine::TopicConfig> config = config_of(create.config());
  if (!config) return answer(*session, id, std::unexpected(config.error()));
  run_blocking(session, id, [name = create.topic(), config = *config](engine::Log& log) {
    return log.create_topic(name, config);
  });
}

void alter_topic(const std::shared_ptr<Session>& session, std::uint64_t id,
                 const v1::AlterTopic& alter) {
  if (!session->bearer().check(Action::kAdmin, alter.topic(), id)) return;
  engine::TopicChange change;
  if (alter.has_segment_age_s()) change.segment_age = seconds_of(alter.segment_age_s());
  if (alter.has_retention_age_s()) change.retention_age = seconds_of(alter.retention_age_s());
  if (alter.has_retention_bytes()) change.retention_bytes = alter.retention_bytes();
  if (alter.has_tombstone_grace_s()) change.tombstone_grace = seconds_of(alter.tombstone_grace_s());
  if (alter.has_hold_max_s()) change.hold_max = seconds_of(alter.hold_max_s());
  const auto floor = floor_of(alter.retention_floor());
  if (!floor) return answer(*session, id, std::unexpected(floor.error()));
  change.retention_floor = *floor;
  if (alter.has_entity_records_max()) change.entity_records_max = alter.entity_records_max();
  if (alter.has_entity_age_s()) change.entity_age = seconds_of(alter.entity_age_s());
  run_blocking(session, id, [name = alter.topic(), change](engine::Log& log) {
    return log.alter_topic(name, change);
  });
}

void describe_topic(Session& session, std::uint64_t id, const v1::DescribeTopic& describe) {
  if (!session.bearer().may_any(describe.topic())) {
    return session.outbox().send_error(id, Code::kPermissionDenied,
                                       "no permission for '" + describe.topic() + "'");
  }
  answer(session, id, session.host().log().find_topic(describe.topic()));
}

void list_topics(Session& session, std::uint64_t id, const v1::ListTopics& asked) {
  v1::Stanza stanza;
  stanza.set_id(id);
  v1::TopicList& list = *stanza.mutable_topic_list();
  std::size_t bytes = 0;
  const Troubles troubles = session.host().log().troubles();
  for (const engine::TopicInfo& topic : session.host().log().list_topics()) {
    if (topic.name <= asked.after() || !session.bearer().may_any(topic.name)) continue;
    if (bytes >= limits::kDeliveryBytes) {
      list.set_more(true);
      break;
    }
    v1::TopicDescription& described = *list.add_topics();
    describe(session.host().log(), topic, troubles, described);
    bytes += described.ByteSizeLong();
  }
  session.outbox().send(stanza);
}

}  // namespace bimip::frontend
