#include "frontend/session/awareness_desk.h"

#include <utility>

#include "frontend/services/awareness/awareness_checks.h"
#include "frontend/services/awareness/awareness_service.h"
#include "frontend/session/awareness_requests.h"
#include "frontend/session/awareness_stanzas.h"
#include "frontend/session/notices.h"
#include "frontend/session/state_hash.h"
#include "frontend/session/tape.h"
#include "frontend/session/tape_words.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

namespace {

SeatOf seat_of(std::string eid, std::string device, std::uint64_t seat) {
  return {.eid = std::move(eid), .device = std::move(device), .seat = SeatNumber(seat)};
}

}  // namespace

class AwarenessDesk::Push final : public SessionRequest {
 public:
  explicit Push(std::shared_ptr<Session> session) : SessionRequest(std::move(session), Unasked{}) {}
  Push(std::shared_ptr<Session> session, const Told& told) : Push(std::move(session)) {
    v1::AwarenessChanged& changed = *stanza_.mutable_awareness_changed();
    for (const Seen& seen : told.seen) describe(seen, *changed.add_views());
    for (const RelationSeen& relation : told.relations)
      describe(relation, *changed.add_relations());
    if (told.counts) describe(*told.counts, *changed.mutable_counts());
    changed.set_complete(told.is_complete);
  }
  void save(TapeWriter& to) const override {
    put(to, NoticeKind::kAwareness);
    put(to, stanza_);
  }
  void restore(TapeReader& from) override { stanza_ = frontend::get<v1::Stanza>(from); }
  void deliver(Moment) override { session()->awareness().on_told(stanza_); }

 private:
  v1::Stanza stanza_;
};

std::unique_ptr<SessionRequest> AwarenessDesk::make_push(const std::shared_ptr<Session>& session) {
  return std::make_unique<Push>(session);
}

class AwarenessDesk::Ear final : public AwarenessListener {
 public:
  Ear(const std::shared_ptr<Session>& session, SessionHost& host)
      : session_(session), host_(host) {}
  void on_told(Told told) override {
    if (std::shared_ptr<Session> session = session_.lock())
      host_.came_back(*std::make_unique<Push>(std::move(session), told).release());
  }

 private:
  const std::weak_ptr<Session> session_;
  SessionHost& host_;
};

AwarenessDesk::AwarenessDesk(SessionHost& host, Bearer& bearer, Outbox& outbox, std::string device)
    : host_(host), bearer_(bearer), outbox_(outbox), device_(std::move(device)) {}
AwarenessDesk::~AwarenessDesk() = default;

void AwarenessDesk::heard(Moment now) {
  if (ear_) ear_->heard(now.monotonic);
}

void AwarenessDesk::leave(Leaving leaving) {
  if (!ear_) return;
  const SeatOf left = seat_of(bearer_.grant().eid, device_, seat_);
  tell(host_, [&] { host_.awareness().leave_seat(left, leaving); }, left.eid, left.device, leaving);
  ear_.reset();
}

SeatOf AwarenessDesk::seat(const std::shared_ptr<Session>& session, Moment now) {
  if (!ear_) {
    ear_ = std::make_shared<Ear>(session, host_);
    ear_->heard(now.monotonic);
    seat_ = learn(host_, [this] { return host_.awareness().take_seat(ear_).value(); });
  }
  return seat_of(bearer_.grant().eid, device_, seat_);
}

void AwarenessDesk::ask(const std::shared_ptr<Session>& session, std::uint64_t id, Work work) {
  ++in_flight_;
  auto answer = std::make_unique<Answer>(session, id);
  // The tape keeps the request.
  if (is_replay(host_)) return (void)answer.release();
  host_.awareness().post([&awareness = host_.awareness(), work = std::move(work),
                          answer = std::move(answer)](TapedAwareness& core, Moment now) mutable {
    if (awareness.closed_by()) return Answer::fail(std::move(answer), *awareness.closed_by());
    work(core, now, std::move(answer));
  });
}

void AwarenessDesk::on_answer(Answer& answer) {
  --in_flight_;
  if (answer.session()->is_over()) return;
  if (answer.error()) {
    outbox_.send_error(answer.id(), *answer.error());
  } else if (answer.fill()) {
    v1::Stanza stanza;
    stanza.set_id(answer.id());
    answer.fill()(stanza);
    outbox_.send(stanza);
  }
  answer.session()->on_answered();
}

bool AwarenessDesk::refuse(std::uint64_t id, const std::string& fault) {
  if (!fault.empty()) outbox_.send_error(id, Code::kInvalidArgument, fault);
  return !fault.empty();
}

namespace {

constexpr std::string_view kPermission = "awareness";

// What a session must be permitted to do to that name; to hide, and to ask for less, it needs
// nothing.
std::optional<Action> action_of(v1::Stanza::BodyCase stanza) {
  switch (stanza) {
    case v1::Stanza::kSetAwareness:
    case v1::Stanza::kSetActivity:
    case v1::Stanza::kSetLocation:
    case v1::Stanza::kAnswerAwareness:
      return Action::kPublish;
    case v1::Stanza::kSubscribeAwareness:
    case v1::Stanza::kWatchAwareness:
    case v1::Stanza::kGetAwareness:
    case v1::Stanza::kReadAwarenessHistory:
    case v1::Stanza::kContactsAt:
      return Action::kSubscribe;
    default:
      return std::nullopt;
  }
}

}  // namespace

void AwarenessDesk::on_request(const std::shared_ptr<Session>& session, const v1::Stanza& stanza,
                               Moment now) {
  const std::uint64_t id = stanza.id();
  if (refuse(id, fault_of_eid(bearer_.grant().eid))) return;
  const std::optional<Action> action = action_of(stanza.body_case());
  if (action && !bearer_.check(*action, std::string(kPermission), id)) return;
  if (in_flight_ >= limits::kAwarenessRequestsMax) {
    return outbox_.send_error(id, Code::kResourceExhausted,
                              "at most " + std::to_string(limits::kAwarenessRequestsMax) +
                                  " requests about awareness are on their way at a time");
  }
  switch (stanza.body_case()) {
    case v1::Stanza::kSetAwareness:
      return set_state(session, stanza, now);
    case v1::Stanza::kSetActivity:
      return set_activity(session, stanza, now);
    case v1::Stanza::kSetLocation:
      return set_location(session, stanza, now);
    case v1::Stanza::kSubscribeAwareness:
      return relate(session, id,
                    stanza.subscribe_awareness().mutual() ? ConsentAct::kSubscribeMutual
                                                          : ConsentAct::kSubscribe,
                    stanza.subscribe_awareness().eid());
    case v1::Stanza::kUnsubscribeAwareness:
      return relate(session, id, ConsentAct::kUnsubscribe, stanza.unsubscribe_awareness().eid());
    case v1::Stanza::kAnswerAwareness:
      return relate(session, id,
                    stanza.answer_awareness().grant() ? ConsentAct::kGrant : ConsentAct::kDeny,
                    stanza.answer_awareness().eid());
    case v1::Stanza::kCancelAwareness:
      return relate(session, id, ConsentAct::kCancel, stanza.cancel_awareness().eid());
    case v1::Stanza::kRestrictAwareness:
      return restrict(session, stanza);
    case v1::Stanza::kListAwareness:
      return list(session, stanza);
    case v1::Stanza::kSetAwarenessPrivacy:
      return set_privacy(session, stanza);
    case v1::Stanza::kWatchAwareness:
      return watch(session, stanza, now);
    case v1::Stanza::kUnwatchAwareness:
      return unwatch(session, stanza);
    case v1::Stanza::kGetAwareness:
      return get(session, stanza);
    case v1::Stanza::kReadAwarenessHistory:
      return read_history(session, stanza);
    default:
      return look_back(session, stanza);
  }
}

void AwarenessDesk::on_told(const v1::Stanza& stanza) {
  if (!ear_) return;
  outbox_.send(stanza);
  is_full_ = true;
  pump();
}

void AwarenessDesk::mix_into(StateHash& hash) const {
  hash.add(ear_ != nullptr).add(seat_).add(in_flight_).add(is_full_);
}

void AwarenessDesk::pump() {
  if (!is_full_ || !outbox_.has_room() || !ear_) return;
  is_full_ = false;
  tell(
      host_,
      [this] {
        host_.awareness().post([seat = SeatNumber(seat_)](TapedAwareness& core, Moment now) {
          core.ready(seat, now);
        });
      },
      seat_);
}

}  // namespace bimip::frontend
