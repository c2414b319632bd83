// A world for sessions in which nothing is there but a tape.
#pragma once

#include <cstdlib>
#include <limits>
#include <memory>

#include "frontend/replay/replay_tape.h"
#include "frontend/session/closed_sessions.h"
#include "frontend/session/session.h"
#include "frontend/session/taped_log.h"

namespace bimip::frontend {

// Owner-thread only. What a session gives to others is kept by the tape until its answer comes.
class ReplayHost final : public SessionHost {
 public:
  explicit ReplayHost(ReplayTape& tape) : tape_(tape) {}

  SessionLimits in_force{};

  [[nodiscard]] engine::Log& log() override { return log_; }
  [[nodiscard]] Tape* tape() override { return &tape_; }
  [[nodiscard]] const SessionLimits& limits() const override { return in_force; }
  [[nodiscard]] bool checks_tokens() override { return tape_.head().checks_tokens; }
  [[nodiscard]] SessionMetrics& metrics() override { return metrics_; }
  [[nodiscard]] ClosedSessions& closed_sessions() override { return closed_; }
  [[nodiscard]] DeliveryWriter& delivery_writer() override { return writer_; }
  void survey(std::unique_ptr<SessionSurvey> survey) override { (void)survey.release(); }
  void run_blocking(std::move_only_function<void()>) override {}
  void run_check(std::move_only_function<void()>) override {}

  // A session that asks these went around the tape.
  [[nodiscard]] TokenService* tokens() override { std::abort(); }
  [[nodiscard]] Broker& broker() override { std::abort(); }
  [[nodiscard]] InboxService& inboxes() override { std::abort(); }
  [[nodiscard]] AwarenessService& awareness() override { std::abort(); }
  [[nodiscard]] OfferService& offers() override { std::abort(); }
  [[nodiscard]] ReplyHub& replies() override { std::abort(); }
  [[nodiscard]] EntityCount& entities() override { std::abort(); }
  void came_back(SessionRequest&) override { std::abort(); }
  [[nodiscard]] engine::Status watch(Session&, engine::TopicId, engine::PartitionId) override {
    std::abort();
  }
  void unwatch(Session&, engine::TopicId, engine::PartitionId) override { std::abort(); }

 private:
  ReplayTape& tape_;
  TapedLog log_{tape_, nullptr};
  SessionMetrics metrics_;
  ClosedSessions closed_{engine::system_clock()};
  DeliveryWriter writer_;
};

}  // namespace bimip::frontend
