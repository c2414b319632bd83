// AwarenessDesk: whom it watches, and what it looks up.
#include <algorithm>
#include <atomic>
#include <utility>

#include "engine/base/thread_annotations.h"
#include "frontend/services/awareness/awareness_checks.h"
#include "frontend/services/awareness/awareness_service.h"
#include "frontend/session/awareness_requests.h"
#include "frontend/session/awareness_stanzas.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

namespace {

engine::Timestamp time_of(std::int64_t micros) {
  return engine::Timestamp(std::chrono::microseconds(micros));
}

std::size_t page_of(std::uint32_t limit, std::size_t most) {
  return limit == 0 ? most : std::min<std::size_t>(limit, most);
}

}  // namespace

void AwarenessDesk::list(const std::shared_ptr<Session>& session, const v1::Stanza& stanza) {
  const v1::ListAwareness& asked = stanza.list_awareness();
  ask(session, stanza.id(),
      [self = bearer_.grant().eid, after = asked.after(),
       most = page_of(asked.limit(), limits::kSeenPerStanza)](const TapedAwareness& core, Moment,
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
          TapedAwareness& core, Moment at, std::unique_ptr<Answer> answer) {
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
      [seat = SeatNumber(seat_)](TapedAwareness& core, Moment, std::unique_ptr<Answer> answer) {
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
      [self = bearer_.grant().eid, eids = std::move(eids)](const TapedAwareness& core, Moment,
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
  HistoryQuery query{.eid = asked.eid().empty() ? self : asked.eid(),
                     .range = {.from = time_of(asked.from_us()),
                               .until = asked.until_us() == 0 ? engine::Timestamp::max()
                                                              : time_of(asked.until_us()),
                               .most = page_of(asked.limit(), limits::kTransitionsPerStanza)},
                     .records_max = limits::kHistoryRecordsPerRead};
  if (refuse(stanza.id(), fault_of_eid(query.eid))) return;
  if (query.range.until <= query.range.from)
    return outbox_.send_error(stanza.id(), Code::kInvalidArgument, "from_us to until_us: none");
  ask(session, stanza.id(),
      [&host = host_, self, query = std::move(query)](const TapedAwareness& core, Moment,
                                                      std::unique_ptr<Answer> answer) mutable {
        query.reader = {.is_own = query.eid == self, .relation = core.relation(query.eid, self)};
        auto then = [eid = query.eid,
                     answer = std::move(answer)](engine::Result<HistoryAnswer> history) mutable {
          if (!history) return Answer::fail(std::move(answer), std::move(history.error()));
          Answer::end(std::move(answer), [eid, history = std::move(*history)](v1::Stanza& into) {
            v1::AwarenessHistory& told = *into.mutable_awareness_history();
            told.set_eid(eid);
            told.set_more(history.rest_until.has_value());
            if (history.rest_until) told.set_rest_until_us(micros(*history.rest_until));
            for (const Transition& one : history.transitions)
              describe(one, *told.add_transitions());
          });
        };
        if (!core.may_look_back(self, query.eid)) return then(HistoryAnswer{});
        host.awareness().history().read(std::move(query), std::move(then));
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
  if (history.is_begin_known || history.transitions.size() > 1) seen.since = then.at;
  seen.text = then.text;
  return seen;
}

}  // namespace

void AwarenessDesk::look_back(const std::shared_ptr<Session>& session, const v1::Stanza& stanza) {
  const v1::ContactsAt& asked = stanza.contacts_at();
  ask(session, stanza.id(),
      [&host = host_, self = bearer_.grant().eid, after = asked.after(),
       at = time_of(asked.at_us())](const TapedAwareness& core, Moment now,
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
          if (!core.may_look_back(self, eid)) {
            came();
            continue;
          }
          host.awareness().history().read(
              {.eid = eid,
               .range = {.from = at,
                         .until = at >= now.wall ? engine::Timestamp::max()
                                                 : at + std::chrono::microseconds(1),
                         .most = 1},
               .reader = {.relation = core.relation(eid, self)},
               .records_max = limits::kHistoryRecordsPerLook},
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

}  // namespace bimip::frontend
