// A world for sessions without a socket, a thread or a clock of the machine: a log on a simulated
// device, time that stands still until it is moved, and answers that come when settle() lets them.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "bimip/v1/stanza.pb.h"
#include "engine/device/sim_device.h"
#include "engine/store/store.h"
#include "frontend/replay/recorder.h"
#include "frontend/services/awareness/awareness_service.h"
#include "frontend/services/broker/broker.h"
#include "frontend/services/inbox/inbox_service.h"
#include "frontend/services/offers/offer_service.h"
#include "frontend/services/registry/session_registry.h"
#include "frontend/services/replies/reply_hub.h"
#include "frontend/session/closed_sessions.h"
#include "frontend/session/session.h"
#include "frontend/session/taped_log.h"
#include "tests/frontend/scripted_log.h"

namespace bimip::testing {

using namespace bimip::frontend;  // NOLINT: tests read better without it
using namespace std::chrono_literals;
using engine::ErrorCode;
using engine::OffsetRange;
using engine::PartitionId;
using engine::TopicId;

class HandClock final : public engine::Clock {
 public:
  [[nodiscard]] engine::Timestamp now() const override {
    return engine::Timestamp(
        std::chrono::duration_cast<std::chrono::microseconds>(1'700'000'000s + passed_ + stepped_));
  }
  [[nodiscard]] std::chrono::nanoseconds monotonic() const override { return passed_; }
  void pass(std::chrono::nanoseconds time) { passed_ += time; }
  // The wall clock alone, either way.
  void step_wall(std::chrono::nanoseconds by) { stepped_ += by; }

 private:
  std::chrono::nanoseconds passed_ = 1s;
  std::chrono::nanoseconds stepped_{};
};

class World final : public SessionHost {
 public:
  static constexpr int kSessionsPerEntity = 5;
  static constexpr std::uint64_t kRecordingBytesMax = 1ULL << 30U;
  World();
  // As a server that was started on what another one left.
  World(std::unique_ptr<engine::SimDevice> device, const HandClock& at);
  ~World() override;

  HandClock clock;
  SessionLimits in_force;
  ScriptedLog& scripted() { return *scripted_; }
  engine::SimDevice& device() { return *device_; }
  void create_topic(const std::string& name, std::uint32_t partitions = 1);
  [[nodiscard]] Moment now() const { return {.monotonic = clock.monotonic(), .wall = clock.now()}; }
  // Lets the log and the answers on their way do all there is to do.
  void settle();

  engine::Log& log() override { return taped_; }
  engine::Log& log_elsewhere() override { return *scripted_; }
  // Everything that sessions are told is recorded, and replayed when this world ends.
  Tape* tape() override { return &recorder_; }
  [[nodiscard]] const SessionLimits& limits() const override { return in_force; }
  TokenService* tokens() override { return nullptr; }
  SessionMetrics& metrics() override { return metrics_; }
  Broker& broker() override { return *broker_; }
  InboxService& inboxes() override { return *inboxes_; }
  ReplyHub& replies() override { return replies_; }
  SessionRegistry* registry() override { return registry_.get(); }
  AwarenessService& awareness() override { return *awareness_; }
  OfferService& offers() override { return *offers_; }
  EntityCount& entities() override { return entities_; }
  ClosedSessions& closed_sessions() override { return closed_; }
  // Comes back with settle().
  void survey(std::unique_ptr<SessionSurvey> survey) override;
  std::vector<Session*> sessions;
  DeliveryWriter& delivery_writer() override { return writer_; }
  void came_back(SessionRequest& request) override { answers_.push_back(&request); }
  void run_blocking(std::move_only_function<void()> work) override {
    blocking_.push_back(std::move(work));
  }
  void run_check(std::move_only_function<void()> work) override { run_blocking(std::move(work)); }
  engine::Status watch(Session& session, TopicId topic, PartitionId partition) override;
  void unwatch(Session& session, TopicId topic, PartitionId partition) override;
  // Once all sessions are gone: what there is of the recording.
  [[nodiscard]] std::string recorded() {
    settle();
    recorder_.finish();
    return recording_.str();
  }
  [[nodiscard]] std::size_t watchers() const { return watchers_.size(); }

 private:
  struct Advance {
    TopicId topic;
    PartitionId partition;
    engine::Offset end;
  };
  class PartitionWatch;
  bool take_answers();

  const std::unique_ptr<engine::SimDevice> device_;
  std::unique_ptr<engine::Store> store_;
  std::unique_ptr<ScriptedLog> scripted_;
  std::stringstream recording_;
  Recorder recorder_{recording_, {}, kRecordingBytesMax};
  TapedLog taped_;
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<InboxService> inboxes_;
  std::unique_ptr<SessionRegistry> registry_;
  std::unique_ptr<AwarenessService> awareness_;
  std::unique_ptr<OfferService> offers_;
  SessionMetrics metrics_;
  EntityCount entities_{kSessionsPerEntity};
  ReplyHub replies_;
  ClosedSessions closed_{clock};
  DeliveryWriter writer_;
  std::deque<SessionRequest*> answers_;
  std::deque<std::unique_ptr<SessionSurvey>> surveys_;
  std::deque<std::move_only_function<void()>> blocking_;
  std::multimap<Session*, std::unique_ptr<PartitionWatch>> watchers_;
};

// A client of one session.
class Client {
 public:
  explicit Client(World& world);
  ~Client() {
    std::erase(world_.sessions, session_.get());
    session_->on_disconnected();
  }
  // The same after its Welcome.
  static std::unique_ptr<Client> welcomed(World& world, const std::string& producer_id = {},
                                          const std::string& eid = "tester",
                                          const std::string& device = {});

  void say(const v1::Stanza& stanza);
  // Everything the session has said since the last call, unless nobody reads.
  std::vector<v1::Stanza> said();
  // Says it and answers the one answer that comes.
  v1::Stanza ask(v1::Stanza stanza);
  // Publishes under the next id; does not wait.
  std::uint64_t publish(const std::string& topic, const std::string& value,
                        std::uint64_t number = 0, std::optional<std::uint32_t> partition = 0);

  void stop_reading() { reads_ = false; }
  void read_again() { reads_ = true; }
  Session& session() { return *session_; }

 private:
  World& world_;
  std::shared_ptr<Session> session_;
  FrameReader frames_{FrameReader::Begin::kWithFrame};
  std::uint64_t last_id_ = 1;
  bool reads_ = true;
};

// The values delivered, in order.
std::vector<std::string> values_of(const std::vector<v1::Stanza>& stanzas);
v1::Stanza subscribe_to(const std::string& topic, std::uint32_t credit);

}  // namespace bimip::testing
