#include "frontend/session/awareness_desk.h"

#include <atomic>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "engine/base/thread_annotations.h"
#include "frontend/services/awareness/awareness_checks.h"
#include "frontend/services/awareness/awareness_service.h"
#include "frontend/session/awareness_stanzas.h"
#include "frontend/session/session.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::Status;
using std::chrono::milliseconds;

namespace {

SeatOf seat_of(std::string eid, std::string device, std::uint64_t seat) {
  return {.eid = std::move(eid), .device = std::move(device), .seat = SeatNumber(seat)};
}

engine::Timestamp time_of(std::int64_t micros) {
  return engine::Timestamp(std::chrono::microseconds(micros));
}

std::size_t page_of(std::uint32_t limit, std::size_t most) {
  return limit == 0 ? most : std::min<std::size_t>(limit, most);
}

}  // namespace

// On its way to the service and back.
class AwarenessDesk::Answer final : public SessionRequest {
 public:
  using Fill = std::move_only_function<void(v1::Stanza&)>;
  Answer(std::shared_ptr<Session> session, std::uint64_t id)
      : SessionRequest(std::move(session)), id_(id) {}

  // One of these, once: the answer goes to the session. Without anything to say it says nothing.
  static void end(std::unique_ptr<Answer> answer, Fill fill = {}) {
    answer->fill_ = std::move(fill);
    come_back(std::move(answer));
  }
  static void fail(std::unique_ptr<Answer> answer, engine::Error error) {
    answer->error_ = std::move(error);
    come_back(std::move(answer));
  }
  void deliver(Moment) override { session()->awareness().on_answer(*this); }

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const std::optional<engine::Error>& error() const { return error_; }
  [[nodiscard]] Fill& fill() { return fill_; }

 private:
  static void come_back(std::unique_ptr<Answer> answer) {
    SessionHost& host = answer->session()->host();
    host.came_back(*answer.release());
  }
  const std::uint64_t id_;
  std::optional<engine::Error> error_{};
  Fill fill_{};
};

class AwarenessDesk::Push final : public SessionRequest {
 public:
  Push(std::shared_ptr<Session> session, Told told)
      : SessionRequest(std::move(session)), told_(std::move(told)) {}
  void deliver(Moment) override { session()->awareness().on_told(told_); }

 private:
  const Told told_;
};

class AwarenessDesk::Ear final : public AwarenessListener {
 public:
  Ear(const std::shared_ptr<Session>& session, SessionHost& host)
      : session_(session), host_(host) {}
  void on_told(Told told) override {
    if (std::shared_ptr<Session> session = session_.lock())
      host_.came_back(*std::make_unique<Push>(std::move(session), std::move(told)).release());
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
  host_.awareness().leave_seat(seat_of(bearer_.grant().eid, device_, seat_), leaving);
  ear_.reset();
}

SeatOf AwarenessDesk::seat(const std::shared_ptr<Session>& session, Moment now) {
  if (!ear_) {
    ear_ = std::make_shared<Ear>(session, host_);
    ear_->heard(now.monotonic);
    seat_ = host_.awareness().take_seat(ear_).value();
  }
  return seat_of(bearer_.grant().eid, device_, seat_);
}

void AwarenessDesk::ask(const std::shared_ptr<Session>& session, std::uint64_t id, Work work) {
  ++in_flight_;
  host_.awareness().post(
      [work = std::move(work), answer = std::make_unique<Answer>(session, id)](
          AwarenessCore& core, Moment now) mutable { work(core, now, std::move(answer)); });
}

void AwarenessDesk::on_answer(Answer& answer) {
  --in_flight_;
  if (!answer.session()->is_open()) return;
  if (answer.error()) return outbox_.send_error(answer.id(), *answer.error());
  if (!answer.fill()) return;
  v1::Stanza stanza;
  stanza.set_id(answer.id());
  answer.fill()(stanza);
  outbox_.send(stanza);
}

bool AwarenessDesk::refuse(std::uint64_t id, const std::string& fault) {
  if (!fault.empty()) outbox_.send_error(id, Code::kInvalidArgument, fault);
  return !fault.empty();
}

void AwarenessDesk::on_request(const std::shared_ptr<Session>& session, const v1::Stanza& stanza,
                               Moment now) {
  const std::uint64_t id = stanza.id();
  if (refuse(id, fault_of_eid(bearer_.grant().eid))) return;
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

void AwarenessDesk::set_state(const std::shared_ptr<Session>& session, const v1::Stanza& stanza,
                              Moment now) {
  const v1::SetAwareness& set = stanza.set_awareness();
  if (!v1::UserState_IsValid(set.state())) {
    (void)refuse(stanza.id(), "state: none of this server's");
    return;
  }
  Announcement announcement{.state = static_cast<UserState>(set.state())};
  if (set.has_text()) announcement.text = set.text();
  if (set.has_system()) announcement.system = facts_of(set.system());
  if (refuse(stanza.id(), fault_of_text(set.text()))) return;
  if (announcement.system && refuse(stanza.id(), fault_of(*announcement.system))) return;
  const auto lease = std::chrono::duration_cast<milliseconds>(host_.awareness().lease()).count();
  ask(session, stanza.id(),
      [seat = seat(session, now), announcement = std::move(announcement), lease](
          AwarenessCore& core, Moment at, std::unique_ptr<Answer> answer) mutable {
        const auto state = core.announce(seat, std::move(announcement), at);
        if (!state) return Answer::fail(std::move(answer), state.error());
        Answer::end(std::move(answer), [state = *state, lease](v1::Stanza& into) {
          into.mutable_awareness_set()->set_state(static_cast<v1::UserState>(state));
          into.mutable_awareness_set()->set_lease_ms(static_cast<std::uint32_t>(lease));
        });
      });
}

void AwarenessDesk::set_activity(const std::shared_ptr<Session>& session, const v1::Stanza& stanza,
                                 Moment now) {
  const v1::SetActivity& set = stanza.set_activity();
  Activity activity{.name = set.activity().name(), .to = set.activity().to()};
  if (!activity.name.empty() && refuse(stanza.id(), fault_of(activity))) return;
  milliseconds lasts(set.lasts_ms());
  if (lasts == milliseconds{}) lasts = limits::kActivityLasts;
  if (lasts > limits::kActivityLastsMax) {
    (void)refuse(stanza.id(), "lasts_ms: at most 60,000");
    return;
  }
  ask(session, stanza.id(),
      [seat = seat(session, now), activity = std::move(activity), lasts](
          AwarenessCore& core, Moment at, std::unique_ptr<Answer> answer) mutable {
        const Status done = core.set_activity(seat, std::move(activity), lasts, at);
        if (!done) return Answer::fail(std::move(answer), done.error());
        Answer::end(std::move(answer));
      });
}

void AwarenessDesk::set_location(const std::shared_ptr<Session>& session, const v1::Stanza& stanza,
                                 Moment now) {
  const v1::SetLocation& set = stanza.set_location();
  std::optional<Position> position;
  if (set.has_location()) position = position_of(set.location());
  if (position && refuse(stanza.id(), fault_of(*position))) return;
  milliseconds lasts(set.lasts_ms());
  if (lasts == milliseconds{}) lasts = limits::kLocationLasts;
  if (lasts > limits::kLocationLastsMax) {
    (void)refuse(stanza.id(), "lasts_ms: at most 86,400,000");
    return;
  }
  ask(session, stanza.id(),
      [seat = seat(session, now), position, lasts](AwarenessCore& core, Moment at,
                                                   std::unique_ptr<Answer> answer) {
        const Status done = core.set_position(seat, position, lasts, at);
        if (!done) return Answer::fail(std::move(answer), done.error());
        const auto told = position ? lasts : milliseconds{};
        Answer::end(std::move(answer), [told](v1::Stanza& into) {
          into.mutable_location_set()->set_lasts_ms(static_cast<std::uint32_t>(told.count()));
        });
      });
}

void AwarenessDesk::restrict(const std::shared_ptr<Session>& session, const v1::Stanza& stanza) {
  const v1::RestrictAwareness& asked = stanza.restrict_awareness();
  switch (asked.restriction()) {
    case v1::RESTRICTION_NONE:
      return relate(session, stanza.id(), ConsentAct::kLift, asked.eid());
    case v1::RESTRICTION_EXCEPTED:
      return relate(session, stanza.id(), ConsentAct::kExcept, asked.eid());
    case v1::RESTRICTION_BLOCKED:
      return relate(session, stanza.id(), ConsentAct::kBlock, asked.eid());
    default:
      (void)refuse(stanza.id(), "restriction: NONE, EXCEPTED or BLOCKED");
  }
}

void AwarenessDesk::relate(const std::shared_ptr<Session>& session, std::uint64_t id,
                           ConsentAct act, const std::string& other) {
  const std::string& self = bearer_.grant().eid;
  if (refuse(id, fault_of_eid(other))) return;
  if (other == self) {
    (void)refuse(id, "eid: it is the session's own");
    return;
  }
  ask(session, id,
      [&service = host_.awareness(), act, self, other](AwarenessCore& core, Moment at,
                                                       std::unique_ptr<Answer> answer) mutable {
        auto done = [&core, self, other, answer = std::move(answer)](const Status& status) mutable {
          if (!status) return Answer::fail(std::move(answer), status.error());
          Answer::end(std::move(answer),
                      [relation = core.relation_seen(self, other)](v1::Stanza& into) {
                        describe(relation, *into.mutable_awareness_relation());
                      });
        };
        service.rules().act(core, act, self, other, at, std::move(done));
      });
}

void AwarenessDesk::list(const std::shared_ptr<Session>& session, const v1::Stanza& stanza) {
  const v1::ListAwareness& asked = stanza.list_awareness();
  ask(session, stanza.id(),
      [self = bearer_.grant().eid, after = asked.after(),
       most = page_of(asked.limit(), limits::kSeenPerStanza)](const AwarenessCore& core, Moment,
                                                              std::unique_ptr<Answer> answer) {
        Answer::end(std::move(answer),
                    [found = core.relations_of(self, after, most)](v1::Stanza& into) {
                      v1::AwarenessRelations& relations = *into.mutable_awareness_relations();
                      for (const RelationSeen& one : found.relations)
                        describe(one, *relations.add_relations());
                      relations.set_more(found.has_more);
                    });
      });
}

void AwarenessDesk::set_privacy(const std::shared_ptr<Session>& session, const v1::Stanza& stanza) {
  const v1::SetAwarenessPrivacy& set = stanza.set_awareness_privacy();
  for (const v1::Audience audience : {set.presence(), set.last_seen(), set.location()}) {
    if (v1::Audience_IsValid(audience)) continue;
    (void)refuse(stanza.id(), "an audience that is none of this server's");
    return;
  }
  const Privacy change{.presence = static_cast<Audience>(set.presence()),
                       .last_seen = static_cast<Audience>(set.last_seen()),
                       .location = static_cast<Audience>(set.location())};
  ask(session, stanza.id(),
      [&service = host_.awareness(), self = bearer_.grant().eid, change](
          AwarenessCore& core, Moment at, std::unique_ptr<Answer> answer) mutable {
        auto done = [&core, self, answer = std::move(answer)](const Status& status) mutable {
          if (!status) return Answer::fail(std::move(answer), status.error());
          Answer::end(std::move(answer), [privacy = core.privacy(self)](v1::Stanza& into) {
            describe(privacy, *into.mutable_awareness_privacy());
          });
        };
        service.rules().set_privacy(core, self, change, at, std::move(done));
      });
}

void AwarenessDesk::watch(const std::shared_ptr<Session>& session, const v1::Stanza& stanza,
                          Moment now) {
  const v1::WatchAwareness& asked = stanza.watch_awareness();
  if (static_cast<std::size_t>(asked.eids_size()) > limits::kWatchedMax) {
    return outbox_.send_error(stanza.id(), Code::kInvalidArgument,
                              "eids: at most " + std::to_string(limits::kWatchedMax));
  }
  std::vector<std::string> eids(asked.eids().begin(), asked.eids().end());
  for (const std::string& eid : eids) {
    if (refuse(stanza.id(), fault_of_eid(eid))) return;
  }
  ask(session, stanza.id(),
      [seat = seat(session, now), contacts = asked.contacts(), eids = std::move(eids)](
          AwarenessCore& core, Moment at, std::unique_ptr<Answer> answer) {
        const auto watching = core.watch(seat.seat, seat.eid, contacts, eids, at);
        if (!watching) return Answer::fail(std::move(answer), watching.error());
        Answer::end(std::move(answer), [watching = *watching](v1::Stanza& into) {
          v1::AwarenessWatched& watched = *into.mutable_awareness_watched();
          watched.set_entities(static_cast<std::uint32_t>(watching.entities));
          watched.set_counts(watching.as_counts);
        });
      });
}

void AwarenessDesk::unwatch(const std::shared_ptr<Session>& session, const v1::Stanza& stanza) {
  ask(session, stanza.id(),
      [seat = SeatNumber(seat_)](AwarenessCore& core, Moment, std::unique_ptr<Answer> answer) {
        core.unwatch(seat);
        Answer::end(std::move(answer),
                    [](v1::Stanza& into) { (void)into.mutable_awareness_unwatched(); });
      });
}

void AwarenessDesk::get(const std::shared_ptr<Session>& session, const v1::Stanza& stanza) {
  const v1::GetAwareness& asked = stanza.get_awareness();
  if (static_cast<std::size_t>(asked.eids_size()) > limits::kSeenPerStanza) {
    return outbox_.send_error(stanza.id(), Code::kInvalidArgument,
                              "eids: at most " + std::to_string(limits::kSeenPerStanza));
  }
  std::vector<std::string> eids(asked.eids().begin(), asked.eids().end());
  for (const std::string& eid : eids) {
    if (refuse(stanza.id(), fault_of_eid(eid))) return;
  }
  ask(session, stanza.id(),
      [self = bearer_.grant().eid, eids = std::move(eids)](const AwarenessCore& core, Moment,
                                                           std::unique_ptr<Answer> answer) {
        std::vector<Seen> all;
        for (const std::string& eid : eids) all.push_back(core.see(self, eid));
        Answer::end(std::move(answer), [all = std::move(all)](v1::Stanza& into) {
          for (const Seen& seen : all) describe(seen, *into.mutable_awareness_views()->add_views());
          (void)into.mutable_awareness_views();
        });
      });
}

// Who may not see the presence gets the history of somebody who never was there.
void AwarenessDesk::read_history(const std::shared_ptr<Session>& session,
                                 const v1::Stanza& stanza) {
  const v1::ReadAwarenessHistory& asked = stanza.read_awareness_history();
  const std::string& self = bearer_.grant().eid;
  HistoryQuery query{
      .eid = asked.eid().empty() ? self : asked.eid(),
      .from = time_of(asked.from_us()),
      .until = asked.until_us() == 0 ? engine::Timestamp::max() : time_of(asked.until_us()),
      .most = page_of(asked.limit(), limits::kTransitionsPerStanza)};
  if (refuse(stanza.id(), fault_of_eid(query.eid))) return;
  if (query.until <= query.from)
    return outbox_.send_error(stanza.id(), Code::kInvalidArgument, "from_us to until_us: none");
  ask(session, stanza.id(),
      [&service = host_.awareness(), self, query = std::move(query)](
          const AwarenessCore& core, Moment, std::unique_ptr<Answer> answer) mutable {
        query.reader = {.is_own = query.eid == self, .relation = core.relation(query.eid, self)};
        auto then = [eid = query.eid,
                     answer = std::move(answer)](engine::Result<HistoryAnswer> history) mutable {
          if (!history) return Answer::fail(std::move(answer), std::move(history.error()));
          Answer::end(std::move(answer), [eid, history = std::move(*history)](v1::Stanza& into) {
            v1::AwarenessHistory& told = *into.mutable_awareness_history();
            told.set_eid(eid);
            told.set_more(history.has_more);
            for (const Transition& one : history.transitions)
              describe(one, *told.add_transitions());
          });
        };
        if (!core.may_see_presence(self, query.eid)) return then(HistoryAnswer{});
        service.history().read(std::move(query), std::move(then));
      });
}

namespace {

// What several entities were at a time, as the log answers for one after the other.
struct LookBack {
  std::vector<Seen> seen{};
  bool has_more = false;
  std::atomic<std::size_t> left{0};
  engine::Mutex mutex{};
  std::optional<engine::Error> failed GUARDED_BY(mutex){};
};

Seen seen_at(const std::string& eid, const HistoryAnswer& history) {
  Seen seen{.eid = eid};
  if (history.transitions.empty()) return seen;
  const Transition& then = history.transitions.back();
  seen.state = then.state;
  seen.since = then.at;
  seen.text = then.text;
  return seen;
}

}  // namespace

void AwarenessDesk::look_back(const std::shared_ptr<Session>& session, const v1::Stanza& stanza) {
  const v1::ContactsAt& asked = stanza.contacts_at();
  ask(session, stanza.id(),
      [&service = host_.awareness(), self = bearer_.grant().eid, after = asked.after(),
       at = time_of(asked.at_us())](const AwarenessCore& core, Moment,
                                    std::unique_ptr<Answer> answer) {
        std::vector<std::string> contacts =
            core.contacts_of(self, after, limits::kContactsPerLook + 1);
        auto look = std::make_shared<LookBack>();
        look->has_more = contacts.size() > limits::kContactsPerLook;
        if (look->has_more) contacts.pop_back();
        look->seen.resize(contacts.size());
        look->left = contacts.size() + 1;
        auto shared = std::make_shared<std::unique_ptr<Answer>>(std::move(answer));
        const auto came = [look, shared] {
          if (--look->left > 0) return;
          {
            const engine::MutexLock lock(look->mutex);
            if (look->failed) return Answer::fail(std::move(*shared), *look->failed);
          }
          Answer::end(std::move(*shared), [look](v1::Stanza& into) {
            v1::AwarenessMoment& moment = *into.mutable_awareness_moment();
            for (const Seen& seen : look->seen) describe(seen, *moment.add_views());
            moment.set_more(look->has_more);
          });
        };
        for (std::size_t i = 0; i < contacts.size(); ++i) {
          const std::string& eid = contacts[i];
          look->seen[i] = {.eid = eid};
          if (!core.may_see_presence(self, eid)) {
            came();
            continue;
          }
          service.history().read(
              {.eid = eid,
               .from = at,
               .until = at + std::chrono::microseconds(1),
               .most = 1,
               .reader = {.relation = core.relation(eid, self)}},
              [look, came, i, eid](const engine::Result<HistoryAnswer>& history) {
                if (history) {
                  look->seen[i] = seen_at(eid, *history);
                } else {
                  const engine::MutexLock lock(look->mutex);
                  look->failed = history.error();
                }
                came();
              });
        }
        came();
      });
}

void AwarenessDesk::on_told(const Told& told) {
  if (!ear_) return;
  v1::Stanza stanza;
  v1::AwarenessChanged& changed = *stanza.mutable_awareness_changed();
  for (const Seen& seen : told.seen) describe(seen, *changed.add_views());
  for (const RelationSeen& relation : told.relations) describe(relation, *changed.add_relations());
  if (told.counts) describe(*told.counts, *changed.mutable_counts());
  changed.set_complete(told.is_complete);
  outbox_.send(stanza);
  is_full_ = true;
  pump();
}

void AwarenessDesk::pump() {
  if (!is_full_ || !outbox_.has_room() || !ear_) return;
  is_full_ = false;
  host_.awareness().post(
      [seat = SeatNumber(seat_)](AwarenessCore& core, Moment now) { core.ready(seat, now); });
}

}  // namespace bimip::frontend
