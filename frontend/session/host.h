// What a session needs of the world around it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "engine/store/log.h"
#include "frontend/session/entity_count.h"
#include "frontend/session/moment.h"
#include "frontend/session/session_metrics.h"
#include "frontend/stanza/delivery.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

class AwarenessService;
class Broker;
class InboxService;
class OfferService;
class ReplyHub;
class ClosedSessions;
class Session;
class SessionRegistry;
class Tape;
class TapeReader;
class TapeWriter;
class TokenService;

// Something a session waits for. Owned by whoever answers it until it has come back; then by the
// host, which calls come_back() and destroys it.
class SessionRequest {
 public:
  // On the session's thread.
  explicit SessionRequest(std::shared_ptr<Session> session);
  virtual ~SessionRequest();
  SessionRequest(const SessionRequest&) = delete;
  SessionRequest& operator=(const SessionRequest&) = delete;
  // Once, on the session's thread.
  void come_back(Moment now);
  // A replay's: as come_back() of one that was told this.
  void come_back_with(TapeReader& told, Moment now);
  [[nodiscard]] const std::shared_ptr<Session>& session() const { return session_; }
  // On the host's tape, from 1; 0: the session did not ask for it.
  [[nodiscard]] std::uint64_t number() const { return number_; }
  // What it was told, for a tape. restore() is asked before deliver() and with what save() wrote.
  virtual void save(TapeWriter& to) const = 0;
  virtual void restore(TapeReader& from) = 0;

 protected:
  // What comes unasked; on any thread.
  struct Unasked {};
  SessionRequest(std::shared_ptr<Session> session, Unasked) : session_(std::move(session)) {}
  virtual void deliver(Moment now) = 0;

 private:
  template <typename Item>
  friend class Mailbox;
  const std::shared_ptr<Session> session_;
  std::uint64_t number_ = 0;
  SessionRequest* mail_next_ = nullptr;
};

// A look at every session of the node.
class SessionSurvey : public SessionRequest {
 public:
  using SessionRequest::SessionRequest;
  // On the visited session's thread; one thread at a time, and deliver() after the last.
  virtual void visit(Session& visited) = 0;
};

// One thread's sessions share it. It outlives them and their requests. Called on that thread only,
// but for came_back().
class SessionHost {
 public:
  virtual ~SessionHost() = default;
  [[nodiscard]] virtual engine::Log& log() = 0;
  // The same log, for what goes on with a request on another thread.
  [[nodiscard]] virtual engine::Log& log_elsewhere() { return log(); }
  // What is recorded or replayed; null: nothing.
  [[nodiscard]] virtual Tape* tape() { return nullptr; }
  [[nodiscard]] virtual const SessionLimits& limits() const = 0;
  // What tokens are checked with; null: this server checks none (--dev).
  [[nodiscard]] virtual TokenService* tokens() = 0;
  [[nodiscard]] virtual bool checks_tokens() { return tokens() != nullptr; }
  [[nodiscard]] virtual SessionMetrics& metrics() = 0;
  // The node's consumer groups.
  [[nodiscard]] virtual Broker& broker() = 0;
  // The entities' sessions of the whole node.
  [[nodiscard]] virtual EntityCount& entities() = 0;
  // The node's inboxes.
  [[nodiscard]] virtual InboxService& inboxes() = 0;
  // The node's devices; null: no session is of one (a host without a registry).
  [[nodiscard]] virtual SessionRegistry* registry() { return nullptr; }
  // Who waits for replies on the node, and which topics have subscribers.
  [[nodiscard]] virtual ReplyHub& replies() = 0;
  // The node's.
  [[nodiscard]] virtual AwarenessService& awareness() = 0;
  // The node's offers.
  [[nodiscard]] virtual OfferService& offers() = 0;
  // What is remembered of the whole node's.
  [[nodiscard]] virtual ClosedSessions& closed_sessions() = 0;
  // Shows it all the sessions, and then it comes back.
  virtual void survey(std::unique_ptr<SessionSurvey> survey) = 0;
  // Shared scratch.
  [[nodiscard]] virtual DeliveryWriter& delivery_writer() = 0;
  // The request has its answer. Thread-safe; deliver() is never called inside.
  virtual void came_back(SessionRequest& request) = 0;
  // Runs `work` on a thread that may block.
  virtual void run_blocking(std::move_only_function<void()> work) = 0;
  // Runs `work`, which computes for long, on a thread that serves no session.
  virtual void run_check(std::move_only_function<void()> work) = 0;
  // Until unwatch(), Session::on_advanced is called when the partition's visible end moves.
  [[nodiscard]] virtual engine::Status watch(Session& session, engine::TopicId topic,
                                             engine::PartitionId partition) = 0;
  virtual void unwatch(Session& session, engine::TopicId topic, engine::PartitionId partition) = 0;
};

}  // namespace bimip::frontend
