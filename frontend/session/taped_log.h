// The log as sessions see it that are recorded or replayed.
#pragma once

#include "engine/store/log.h"
#include "frontend/session/tape.h"

namespace bimip::frontend {

// Owner-thread only. What it is asked and answers at once goes over the tape; requests go to the
// log behind it. Without one it is a replay's: requests stay with who replays.
class TapedLog final : public engine::Log {
 public:
  TapedLog(Tape& tape, engine::Log* behind) : tape_(tape), behind_(behind) {}

  [[nodiscard]] engine::Result<engine::TopicInfo> create_topic(
      std::string_view name, const engine::TopicConfig& config) override;
  [[nodiscard]] engine::Result<engine::TopicInfo> alter_topic(
      std::string_view name, const engine::TopicChange& change) override;
  [[nodiscard]] engine::Result<engine::TopicInfo> find_topic(std::string_view name) const override;
  [[nodiscard]] std::vector<engine::TopicInfo> list_topics() const override;
  void append(engine::AppendRequest& request) override;
  void read(engine::ReadRequest& request) override;
  void find_time(engine::TimeRequest& request) override;
  [[nodiscard]] engine::Result<engine::LogBounds> bounds(
      engine::TopicId topic, engine::PartitionId partition) const override;
  void find_entity(engine::EntityRequest& request) override;
  void read_entity(engine::EntityReadRequest& request) override;
  void list_entities(engine::EntityListRequest& request) override;
  void erase_entity(engine::EraseRequest& request) override;
  void set_retention_floor(engine::TopicId topic, engine::PartitionId partition,
                           engine::Offset floor) override;
  void reopen(engine::ReopenRequest& request) override;
  [[nodiscard]] std::vector<engine::PartitionTrouble> troubles() const override;
  // Sessions watch through their host.
  [[nodiscard]] engine::Status watch(engine::TopicId topic, engine::PartitionId partition,
                                     engine::Watcher& watcher) override;
  void unwatch(engine::TopicId topic, engine::PartitionId partition,
               engine::Watcher& watcher) override;

 private:
  Tape& tape_;
  engine::Log* const behind_;
};

}  // namespace bimip::frontend
