#include "frontend/services/awareness/taped_awareness.h"

#include <utility>

#include "frontend/services/awareness/awareness_words.h"

namespace bimip::frontend {

using engine::Result;
using engine::Status;

namespace {

// Remembers what the core asked, in order.
class Overheard final : public HeardAt {
 public:
  explicit Overheard(const HeardAt& heard) : heard_(heard) {}
  [[nodiscard]] std::chrono::nanoseconds heard_at(SeatNumber seat) const override {
    return answers_.emplace_back(heard_.heard_at(seat));
  }
  [[nodiscard]] const std::vector<std::chrono::nanoseconds>& answers() const { return answers_; }

 private:
  const HeardAt& heard_;
  mutable std::vector<std::chrono::nanoseconds> answers_;
};

}  // namespace

TapedAwareness::TapedAwareness(const AwarenessRules& rules, CoreTape* tape)
    : AwarenessCore(rules),
      tape_(
          tape, [this] { return state_hash(); },
          [this] { return numbers().entities + numbers().relations; }) {
  tape_.write(TapeEvent::kRules, rules);
}

// To take nothing changes nothing.
template <typename Value>
std::vector<Value> TapedAwareness::taken(TapeEvent event, std::vector<Value> values) {
  if (values.empty()) return values;
  tape_.write_done(event);
  return tape_.said(std::move(values));
}

Status TapedAwareness::load_privacy(const std::string& eid, const Privacy& privacy) {
  tape_.write(TapeEvent::kLoadPrivacy, eid, privacy);
  return tape_.said(AwarenessCore::load_privacy(eid, privacy));
}

Status TapedAwareness::load_relation(const std::string& owner, const std::string& other,
                                     const Relation& relation) {
  tape_.write(TapeEvent::kLoadRelation, owner, other, relation);
  return tape_.said(AwarenessCore::load_relation(owner, other, relation));
}

Status TapedAwareness::load_state(const std::string& eid, const KeptState& state,
                                  engine::Timestamp ended_at, Moment now) {
  tape_.write(TapeEvent::kLoadState, eid, state, ended_at, now);
  return tape_.said(AwarenessCore::load_state(eid, state, ended_at, now));
}

Result<UserState> TapedAwareness::announce(const SeatOf& seat, Announcement announcement,
                                           Moment now) {
  tape_.write(TapeEvent::kAnnounce, seat, announcement, now);
  return tape_.said(AwarenessCore::announce(seat, std::move(announcement), now));
}

void TapedAwareness::leave(const SeatOf& seat, Leaving leaving, Moment now) {
  tape_.write(TapeEvent::kLeave, seat, leaving, now);
  AwarenessCore::leave(seat, leaving, now);
}

Status TapedAwareness::set_activity(const SeatOf& seat, Activity activity, Time lasts, Moment now) {
  tape_.write(TapeEvent::kActivity, seat, activity, lasts, now);
  return tape_.said(AwarenessCore::set_activity(seat, std::move(activity), lasts, now));
}

Status TapedAwareness::set_position(const SeatOf& seat, std::optional<Position> position,
                                    Time lasts, Moment now) {
  tape_.write(TapeEvent::kPosition, seat, position, lasts, now);
  return tape_.said(AwarenessCore::set_position(seat, position, lasts, now));
}

void TapedAwareness::apply_privacy(const std::string& eid, const Privacy& privacy, Moment now) {
  tape_.write(TapeEvent::kPrivacy, eid, privacy, now);
  AwarenessCore::apply_privacy(eid, privacy, now);
}

void TapedAwareness::apply_relation(const std::string& owner, const std::string& other,
                                    const Relation& relation, Moment now) {
  tape_.write(TapeEvent::kRelation, owner, other, relation, now);
  AwarenessCore::apply_relation(owner, other, relation, now);
}

Result<AwarenessCore::Watching> TapedAwareness::watch(SeatNumber seat, const std::string& viewer,
                                                      bool contacts,
                                                      const std::vector<std::string>& others,
                                                      Moment now) {
  tape_.write(TapeEvent::kWatch, seat, viewer, contacts, others, now);
  return tape_.said(AwarenessCore::watch(seat, viewer, contacts, others, now));
}

void TapedAwareness::unwatch(SeatNumber seat) {
  tape_.write(TapeEvent::kUnwatch, seat);
  AwarenessCore::unwatch(seat);
}

void TapedAwareness::ready(SeatNumber seat, Moment now) {
  tape_.write(TapeEvent::kReady, seat, now);
  AwarenessCore::ready(seat, now);
}

void TapedAwareness::advance(Moment now, const HeardAt& heard) {
  if (!tape_.begin_input()) return AwarenessCore::advance(now, heard);
  const Overheard overheard(heard);
  AwarenessCore::advance(now, overheard);
  tape_.put_down(TapeEvent::kAdvance, now, overheard.answers());
}

void TapedAwareness::stop_lapsing() {
  tape_.write(TapeEvent::kStopLapsing);
  AwarenessCore::stop_lapsing();
}

std::vector<Told> TapedAwareness::take_told() {
  return taken(TapeEvent::kTakeTold, AwarenessCore::take_told());
}

std::vector<Transition> TapedAwareness::take_transitions() {
  return taken(TapeEvent::kTakeTransitions, AwarenessCore::take_transitions());
}

std::vector<EntityNumber> TapedAwareness::take_stale() {
  return taken(TapeEvent::kTakeStale, AwarenessCore::take_stale());
}

KeptState TapedAwareness::kept(EntityNumber entity) {
  tape_.write(TapeEvent::kKept, entity);
  return tape_.said(AwarenessCore::kept(entity));
}

}  // namespace bimip::frontend
