// A log that can be told to hold answers back, to refuse and to have lost records.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/store/log.h"

namespace bimip::testing {

class ScriptedLog final : public engine::Log {
 public:
  explicit ScriptedLog(engine::Log& log) : log_(log) {}

  // The publishes for which it answers true are refused with this error.
  std::function<std::optional<engine::Error>(const engine::RecordFields&)> refuse;
  // Reads of [first, end) answer kDamaged.
  std::optional<engine::OffsetRange> damaged;
  // Where partitions begin, as if retention had taken what is before.
  std::optional<engine::Offset> starts_at;
  // Called with each read of a partition: for who waits for it where nobody else steps the log.
  std::function<void()> on_read;
  // Publishes wait until it is false and let_go() is called.
  bool holds = false;
  void let_go() {
    holds = false;
    for (engine::AppendRequest* request : std::exchange(held_, {})) append(*request);
  }
  [[nodiscard]] std::size_t held() const { return held_.size(); }

  engine::Result<engine::TopicInfo> create_topic(std::string_view name,
                                                 const engine::TopicConfig& config) override {
    return log_.create_topic(name, config);
  }
  engine::Result<engine::TopicInfo> alter_topic(std::string_view name,
                                                const engine::TopicChange& change) override {
    return log_.alter_topic(name, change);
  }
  void reopen(engine::ReopenRequest& request) override { log_.reopen(request); }
  std::vector<engine::PartitionTrouble> troubles() const override { return log_.troubles(); }
  engine::Result<engine::TopicInfo> find_topic(std::string_view name) const override {
    return log_.find_topic(name);
  }
  std::vector<engine::TopicInfo> list_topics() const override { return log_.list_topics(); }
  void append(engine::AppendRequest& request) override {
    if (holds) return held_.push_back(&request);
    if (refuse) {
      if (auto error = refuse(request.records.front()))
        return request.on_appended(std::unexpected(std::move(*error)));
    }
    log_.append(request);
  }
  void read(engine::ReadRequest& request) override {
    if (damaged && request.from >= damaged->first && request.from < damaged->end)
      return request.on_read(engine::fail(engine::ErrorCode::kDamaged, "rotten",
                                          {.first = request.from, .end = damaged->end}));
    log_.read(request);
    if (on_read) on_read();
  }
  void find_time(engine::TimeRequest& request) override { log_.find_time(request); }
  void find_entity(engine::EntityRequest& request) override { log_.find_entity(request); }
  void read_entity(engine::EntityReadRequest& request) override { log_.read_entity(request); }
  void list_entities(engine::EntityListRequest& request) override { log_.list_entities(request); }
  void set_retention_floor(engine::TopicId topic, engine::PartitionId partition,
                           engine::Offset floor) override {
    log_.set_retention_floor(topic, partition, floor);
  }
  void erase_entity(engine::EraseRequest& request) override { log_.erase_entity(request); }
  engine::Result<engine::LogBounds> bounds(engine::TopicId topic,
                                           engine::PartitionId partition) const override {
    auto bounds = log_.bounds(topic, partition);
    if (bounds && starts_at) bounds->start = *starts_at;
    return bounds;
  }
  engine::Status watch(engine::TopicId topic, engine::PartitionId partition,
                       engine::Watcher& watcher) override {
    return log_.watch(topic, partition, watcher);
  }
  void unwatch(engine::TopicId topic, engine::PartitionId partition,
               engine::Watcher& watcher) override {
    log_.unwatch(topic, partition, watcher);
  }

 private:
  engine::Log& log_;
  std::deque<engine::AppendRequest*> held_;
};

}  // namespace bimip::testing
