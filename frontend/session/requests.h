// A session's requests for replies, and its replies to others'.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "engine/base/thread_annotations.h"
#include "frontend/services/replies/reply_hub.h"
#include "frontend/session/host.h"
#include "frontend/session/outbox.h"

namespace bimip::v1 {
class Reply;
class Request;
}  // namespace bimip::v1

namespace bimip::frontend {

class StateHash;

// A reply on its way to the session that waits for it.
class ReplyNotice final : public SessionRequest {
 public:
  ReplyNotice(std::shared_ptr<Session> session, ReplyLetter letter)
      : SessionRequest(std::move(session), Unasked{}), letter_(std::move(letter)) {}
  void save(TapeWriter& to) const override;
  void restore(TapeReader& from) override;
  void deliver(Moment now) override;

 private:
  ReplyLetter letter_;
};

// Owned by the session, on its thread; on_reply() comes on any. Has the session's address from its
// first request on. A reply that on_reply() took is the request's answer: its time passes no more.
// Bounded: limits::kRequestsMax wait at a time.
class Requests final : public ReplyListener {
 public:
  Requests(const std::shared_ptr<Session>& session, SessionHost& host, Outbox& outbox);
  ~Requests() override;
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  void ask(const std::shared_ptr<Session>& session, std::uint64_t id, const v1::Request& request,
           Moment now);
  // The record was refused, which was told.
  void drop(std::uint64_t correlation);
  void on_tick(Moment now);
  void deliver(const ReplyLetter& letter);
  [[nodiscard]] bool on_reply(ReplyLetter letter) override;
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  void mix_into(StateHash& hash) const;

 private:
  struct Waiting {
    std::uint64_t id = 0;
    std::chrono::nanoseconds until{};
  };
  // Whether the request is without an answer; it has one from now on.
  bool claim(std::uint64_t correlation);
  const std::weak_ptr<Session> session_;
  SessionHost& host_;
  Outbox& outbox_;
  const std::string address_;
  std::map<std::uint64_t, Waiting> waiting_;  // by correlation
  std::uint64_t last_correlation_ = 0;
  engine::Mutex mutex_;  // behind the hub's
  std::set<std::uint64_t> unanswered_ GUARDED_BY(mutex_);
};

// Replies to somebody's record.
void send_reply(Session& session, std::uint64_t id, const v1::Reply& reply);

}  // namespace bimip::frontend
