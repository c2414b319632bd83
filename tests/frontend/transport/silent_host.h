// A session's world without a log: for what carries sessions, not for what they do.
#pragma once

#include <cstdlib>

#include "frontend/session/closed_sessions.h"
#include "frontend/session/session.h"

namespace bimip::testing {

// Every topic is unknown.
class EmptyLog final : public engine::Log {
 public:
  engine::Result<engine::TopicInfo> create_topic(std::string_view,
                                                 const engine::TopicConfig&) override {
    return none();
  }
  engine::Result<engine::TopicInfo> alter_topic(std::string_view,
                                                const engine::TopicChange&) override {
    return none();
  }
  [[nodiscard]] engine::Result<engine::TopicInfo> find_topic(std::string_view) const override {
    return none();
  }
  [[nodiscard]] std::vector<engine::TopicInfo> list_topics() const override { return {}; }
  void append(engine::AppendRequest& request) override { request.on_appended(none()); }
  void read(engine::ReadRequest& request) override { request.on_read(none()); }
  void find_time(engine::TimeRequest& request) override { request.on_found(none()); }
  [[nodiscard]] engine::Result<engine::LogBounds> bounds(engine::TopicId,
                                                         engine::PartitionId) const override {
    return none();
  }
  void find_entity(engine::EntityRequest& request) override { request.on_entity(none()); }
  void read_entity(engine::EntityReadRequest& request) override { request.on_entity_read(none()); }
  void list_entities(engine::EntityListRequest& request) override { request.on_entities(none()); }
  void set_retention_floor(engine::TopicId, engine::PartitionId, engine::Offset) override {}
  void erase_entity(engine::EraseRequest& request) override { request.on_erased(none()); }
  void reopen(engine::ReopenRequest& request) override { request.on_reopened(none()); }
  [[nodiscard]] std::vector<engine::PartitionTrouble> troubles() const override { return {}; }
  engine::Status watch(engine::TopicId, engine::PartitionId, engine::Watcher&) override {
    return none();
  }
  void unwatch(engine::TopicId, engine::PartitionId, engine::Watcher&) override {}

 private:
  static std::unexpected<engine::Error> none() {
    return engine::fail(engine::ErrorCode::kNotFound, "no such topic");
  }
};

class SilentHost final : public frontend::SessionHost {
 public:
  [[nodiscard]] engine::Log& log() override { return log_; }
  [[nodiscard]] const frontend::SessionLimits& limits() const override { return limits_; }
  [[nodiscard]] frontend::SessionMetrics& metrics() override { return metrics_; }
  [[nodiscard]] frontend::TokenService* tokens() override { return nullptr; }
  [[nodiscard]] frontend::EntityCount& entities() override { return entities_; }
  [[nodiscard]] frontend::ClosedSessions& closed_sessions() override { return closed_; }
  void survey(std::unique_ptr<frontend::SessionSurvey>) override { std::abort(); }
  // For groups, which no topic has here.
  [[nodiscard]] frontend::Broker& broker() override { std::abort(); }
  // Nobody asks anybody here.
  [[nodiscard]] frontend::ReplyHub& replies() override { std::abort(); }
  // No entity asks for one here.
  [[nodiscard]] frontend::InboxService& inboxes() override { std::abort(); }
  [[nodiscard]] frontend::AwarenessService& awareness() override { std::abort(); }
  [[nodiscard]] frontend::OfferService& offers() override { std::abort(); }
  [[nodiscard]] frontend::DeliveryWriter& delivery_writer() override { return writer_; }
  void came_back(frontend::SessionRequest&) override {}
  void run_blocking(std::move_only_function<void()>) override {}
  void run_check(std::move_only_function<void()>) override {}
  engine::Status watch(frontend::Session&, engine::TopicId, engine::PartitionId) override {
    return engine::fail(engine::ErrorCode::kNotFound, "no such topic");
  }
  void unwatch(frontend::Session&, engine::TopicId, engine::PartitionId) override {}

 private:
  EmptyLog log_;
  frontend::SessionLimits limits_;
  frontend::EntityCount entities_{1000};
  frontend::ClosedSessions closed_{engine::system_clock()};
  frontend::SessionMetrics metrics_;
  frontend::DeliveryWriter writer_;
};

// Everything the carrier has to send, as a socket that takes it all would see it.
template <typename Carrier>
std::string drain(Carrier& carrier) {
  std::string all;
  while (carrier.has_output()) {
    const std::string some = carrier.take_output();
    all += some;
    // Half of it first: the carrier is told of parts.
    carrier.on_sent(some.size() / 2);
    carrier.on_sent(some.size() - some.size() / 2);
  }
  return all;
}

}  // namespace bimip::testing
