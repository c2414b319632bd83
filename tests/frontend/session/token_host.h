// A world around sessions: a store on a simulated disk, a clock that stands still, tokens.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>
#include <vector>

#include "bimip/v1/stanza.pb.h"
#include "engine/device/sim_device.h"
#include "engine/store/store.h"
#include "frontend/services/awareness/awareness_service.h"
#include "frontend/services/broker/broker.h"
#include "frontend/services/inbox/inbox_service.h"
#include "frontend/services/offers/offer_service.h"
#include "frontend/services/replies/reply_hub.h"
#include "frontend/services/tokens/token_service.h"
#include "frontend/session/closed_sessions.h"
#include "frontend/session/session.h"
#include "tests/frontend/identity/tokens.h"
#include "tests/support/temp_directory.h"

namespace bimip::testing {

class StandingClock final : public engine::Clock {
 public:
  [[nodiscard]] engine::Timestamp now() const override { return now_; }
  [[nodiscard]] std::chrono::nanoseconds monotonic() const override {
    return now_.time_since_epoch();
  }
  void advance(std::chrono::microseconds time) { now_ += time; }

 private:
  engine::Timestamp now_ = kNow;
};

enum class Checks : std::uint8_t { kNothing, kTokens };

class TokenHost final : public SessionHost {
 public:
  explicit TokenHost(Checks checks, std::size_t revocations_max = 100)
      : checks_(checks), revocations_max_(revocations_max) {
    write_keys(testing::keys());
    start();
  }
  ~TokenHost() override { stop(); }

  // As after a crash of the server process.
  void restart() {
    stop();
    start();
  }
  void write_keys(const KeySet& keys) const {
    std::ofstream(keys_path()) << keys.to_text(KeyParts::kPrivate);
  }

  // Waits until something has come back, and delivers all there is.
  void deliver() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return !back_.empty(); });
    const std::vector<SessionRequest*> all = std::exchange(back_, {});
    lock.unlock();
    for (SessionRequest* request : all)
      std::unique_ptr<SessionRequest>(request)->come_back(moment());
  }
  // Waits until sessions are told of another revocation: behind its answer, on the log's thread.
  void await_change() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return changes_ > 0; });
    --changes_;
  }
  [[nodiscard]] Moment moment() const {
    return {.monotonic = clock.monotonic(), .wall = clock.now()};
  }

  [[nodiscard]] engine::Log& log() override { return *store_; }
  [[nodiscard]] const SessionLimits& limits() const override { return limits_; }
  [[nodiscard]] TokenService* tokens() override { return tokens_.get(); }
  [[nodiscard]] SessionMetrics& metrics() override { return metrics_; }
  [[nodiscard]] Broker& broker() override { return *broker_; }
  [[nodiscard]] EntityCount& entities() override { return entities_; }
  [[nodiscard]] ReplyHub& replies() override { return replies_; }
  [[nodiscard]] InboxService& inboxes() override { return *inboxes_; }
  [[nodiscard]] AwarenessService& awareness() override { return *awareness_; }
  [[nodiscard]] OfferService& offers() override { return *offers_; }
  [[nodiscard]] ClosedSessions& closed_sessions() override { return closed_; }
  // Of no sessions.
  void survey(std::unique_ptr<SessionSurvey> survey) override { came_back(*survey.release()); }
  [[nodiscard]] DeliveryWriter& delivery_writer() override { return writer_; }
  void came_back(SessionRequest& request) override {
    const std::lock_guard lock(mutex_);
    back_.push_back(&request);
    arrived_.notify_one();
  }
  void run_blocking(std::move_only_function<void()> work) override { work(); }
  void run_check(std::move_only_function<void()> work) override { work(); }
  [[nodiscard]] engine::Status watch(Session&, engine::TopicId, engine::PartitionId) override {
    return {};
  }
  void unwatch(Session&, engine::TopicId, engine::PartitionId) override {}

  StandingClock clock;

 private:
  [[nodiscard]] std::string keys_path() const { return (folder_.path() / "keys.json").string(); }
  void start() {
    store_ = std::move(
        *engine::Store::open({.directory = "/data", .free_space_floor = 0, .device = &device_}));
    broker_ = std::move(*Broker::open(*store_));
    inboxes_ = std::move(*InboxService::open(*store_, {}));
    awareness_ = std::move(*AwarenessService::open(*store_, clock, {.is_driven = true}));
    offers_ = std::move(*OfferService::open(*store_, *inboxes_));
    if (checks_ == Checks::kNothing) return;
    ring_ = std::move(*KeyRing::open(keys_path()));
    auto opened = TokenService::open({.log = *store_,
                                      .clock = clock,
                                      .keys = *ring_,
                                      .run = [](std::move_only_function<void()> work) { work(); },
                                      .on_changed =
                                          [this] {
                                            const std::lock_guard lock(mutex_);
                                            ++changes_;
                                            changed_.notify_one();
                                          }},
                                     {.rules = rules(), .revocations_max = revocations_max_});
    ASSERT_TRUE(opened) << opened.error().message;
    tokens_ = std::move(*opened);
  }
  void stop() {
    broker_->settle();
    inboxes_->settle();
    awareness_->settle();
    store_->close();
    broker_.reset();
    offers_.reset();
    inboxes_.reset();
    awareness_.reset();
    tokens_.reset();
    ring_.reset();
    store_.reset();
    for (SessionRequest* request : back_) delete request;
    back_.clear();
  }

  const Checks checks_;
  const std::size_t revocations_max_;
  const TempDirectory folder_;
  engine::SimDevice device_{1};
  std::unique_ptr<engine::Store> store_;
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<InboxService> inboxes_;
  std::unique_ptr<AwarenessService> awareness_;
  std::unique_ptr<OfferService> offers_;
  std::unique_ptr<KeyRing> ring_;
  std::unique_ptr<TokenService> tokens_;
  const SessionLimits limits_;
  SessionMetrics metrics_;
  EntityCount entities_{1000};
  ReplyHub replies_;
  ClosedSessions closed_{engine::system_clock()};
  DeliveryWriter writer_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<SessionRequest*> back_;
  std::condition_variable changed_;
  int changes_ = 0;
};

// A session and its peer.
class Talk {
 public:
  explicit Talk(TokenHost& host)
      : host_(host),
        session_(std::make_shared<Session>(host, "session", Framing::kLength, host.moment())) {}
  ~Talk() { session_->on_disconnected(); }
  Talk(const Talk&) = delete;
  Talk& operator=(const Talk&) = delete;

  void send(const v1::Stanza& stanza) { session_->on_stanza(stanza, host_.moment()); }
  void tick() { session_->on_tick(host_.moment()); }
  // What the session has said since.
  std::vector<v1::Stanza> receive() {
    const std::string bytes = session_->take_output();
    session_->on_sent(bytes.size());
    std::vector<v1::Stanza> stanzas;
    FrameReader frames(FrameReader::Begin::kWithFrame);
    (void)frames.feed(engine::as_bytes(bytes), [&](engine::Bytes frame) {
      stanzas.emplace_back().ParseFromArray(frame.data(), static_cast<int>(frame.size()));
      return true;
    });
    return stanzas;
  }
  // The one stanza it has said since.
  v1::Stanza answer() {
    const std::vector<v1::Stanza> all = receive();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? v1::Stanza() : all.front();
  }
  // Says who it is with this token, and takes the answer.
  v1::Stanza identify(const std::string& token, const std::string& eid = "",
                      const std::string& device = "") {
    v1::Stanza stanza;
    stanza.set_id(1);
    v1::Identity& identity = *stanza.mutable_identity();
    identity.set_protocol_version(kProtocolVersion);
    identity.set_eid(eid);
    identity.set_device(device);
    identity.set_token(token);
    send(stanza);
    if (!token.empty()) host_.deliver();
    return answer();
  }
  // Asks, waits for what must come back, and takes the answer.
  v1::Stanza ask(const v1::Stanza& request) {
    send(request);
    std::vector<v1::Stanza> all = receive();
    if (all.empty()) {
      host_.deliver();
      all = receive();
    }
    EXPECT_FALSE(all.empty());
    return all.empty() ? v1::Stanza() : all.front();
  }
  Session& session() { return *session_; }

 private:
  TokenHost& host_;
  const std::shared_ptr<Session> session_;
};

}  // namespace bimip::testing
