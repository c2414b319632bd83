// AwarenessDesk: what the device says of itself, and whom the entity lets know it.
#include <utility>

#include "frontend/services/awareness/awareness_checks.h"
#include "frontend/services/awareness/awareness_service.h"
#include "frontend/session/awareness_requests.h"
#include "frontend/session/awareness_stanzas.h"
#include "frontend/session/tape.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::Status;
using std::chrono::milliseconds;

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
  const auto lease = learn(host_, [this] {
    return std::chrono::duration_cast<milliseconds>(host_.awareness().lease()).count();
  });
  ask(session, stanza.id(),
      [&host = host_, seat = seat(session, now), announcement = std::move(announcement), lease](
          TapedAwareness& core, Moment at, std::unique_ptr<Answer> answer) mutable {
        const auto state = core.announce(seat, std::move(announcement), at);
        if (!state) return Answer::fail(std::move(answer), state.error());
        auto done = [state = *state, lease,
                     answer = std::move(answer)](const Status& status) mutable {
          if (!status) return Answer::fail(std::move(answer), status.error());
          Answer::end(std::move(answer), [state, lease](v1::Stanza& into) {
            into.mutable_awareness_set()->set_state(static_cast<v1::UserState>(state));
            into.mutable_awareness_set()->set_lease_ms(static_cast<std::uint32_t>(lease));
          });
        };
        host.awareness().when_stored(seat.eid, std::move(done));
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
          TapedAwareness& core, Moment at, std::unique_ptr<Answer> answer) mutable {
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
      [seat = seat(session, now), position, lasts](TapedAwareness& core, Moment at,
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
      [&host = host_, act, self, other](TapedAwareness& core, Moment at,
                                        std::unique_ptr<Answer> answer) mutable {
        auto done = [&core, self, other, answer = std::move(answer)](const Status& status) mutable {
          if (!status) return Answer::fail(std::move(answer), status.error());
          Answer::end(std::move(answer),
                      [relation = core.relation_seen(self, other)](v1::Stanza& into) {
                        describe(relation, *into.mutable_awareness_relation());
                      });
        };
        host.awareness().rules().act(core, act, self, other, at, std::move(done));
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
      [&host = host_, self = bearer_.grant().eid, change](TapedAwareness& core, Moment at,
                                                          std::unique_ptr<Answer> answer) mutable {
        auto done = [&core, self, answer = std::move(answer)](const Status& status) mutable {
          if (!status) return Answer::fail(std::move(answer), status.error());
          Answer::end(std::move(answer), [privacy = core.privacy(self)](v1::Stanza& into) {
            describe(privacy, *into.mutable_awareness_privacy());
          });
        };
        host.awareness().rules().set_privacy(core, self, change, at, std::move(done));
      });
}

}  // namespace bimip::frontend
