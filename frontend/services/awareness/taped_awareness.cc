#include "frontend/services/awareness/taped_awareness.h"

#include <utility>

#include "engine/base/hash.h"
#include "frontend/services/awareness/awareness_words.h"

namespace bimip::frontend {

using engine::Result;
using engine::Status;

namespace {

// The whole state is written down before every so many inputs: it costs what is known.
constexpr std::uint64_t kInputsPerState = 4096;

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
    : AwarenessCore(rules), tape_(tape) {
  write(TapeEvent::kRules, rules);
}

bool TapedAwareness::begin_input() {
  if (tape_ == nullptr || !tape_->is_open()) return false;
  if (++inputs_ % kInputsPerState == 0) write_state();
  return true;
}

template <typename... Values>
void TapedAwareness::put_down(TapeEvent event, const Values&... values) {
  std::string words;
  TapeWriter to(words, memory_);
  (put(to, values), ...);
  tape_->write(event, words);
}

template <typename... Values>
void TapedAwareness::write(TapeEvent event, const Values&... values) {
  if (begin_input()) put_down(event, values...);
}

template <typename Value>
Value TapedAwareness::said(Value value) {
  if (tape_ == nullptr || !tape_->is_open()) return value;
  std::string hash;
  TapeWriter(hash, memory_).fixed(engine::xxh3_64(engine::as_bytes(words_on_tape(value))));
  tape_->write(TapeEvent::kSaid, hash);
  return value;
}

// To take nothing changes nothing.
template <typename Value>
std::vector<Value> TapedAwareness::taken(TapeEvent event, std::vector<Value> values) {
  if (values.empty()) return values;
  write(event);
  return said(std::move(values));
}

void TapedAwareness::write_state() {
  std::string hash;
  TapeWriter(hash, memory_).fixed(state_hash());
  tape_->write(TapeEvent::kAwareness, hash);
}

void TapedAwareness::end_tape() {
  if (tape_ == nullptr || !tape_->is_open()) return;
  write_state();
  tape_->end();
}

Status TapedAwareness::load_privacy(const std::string& eid, const Privacy& privacy) {
  write(TapeEvent::kLoadPrivacy, eid, privacy);
  return said(AwarenessCore::load_privacy(eid, privacy));
}

Status TapedAwareness::load_relation(const std::string& owner, const std::string& other,
                                     const Relation& relation) {
  write(TapeEvent::kLoadRelation, owner, other, relation);
  return said(AwarenessCore::load_relation(owner, other, relation));
}

Status TapedAwareness::load_state(const std::string& eid, const KeptState& state,
                                  engine::Timestamp ended_at, Moment now) {
  write(TapeEvent::kLoadState, eid, state, ended_at, now);
  return said(AwarenessCore::load_state(eid, state, ended_at, now));
}

Result<UserState> TapedAwareness::announce(const SeatOf& seat, Announcement announcement,
                                           Moment now) {
  write(TapeEvent::kAnnounce, seat, announcement, now);
  return said(AwarenessCore::announce(seat, std::move(announcement), now));
}

void TapedAwareness::leave(const SeatOf& seat, Leaving leaving, Moment now) {
  write(TapeEvent::kLeave, seat, leaving, now);
  AwarenessCore::leave(seat, leaving, now);
}

Status TapedAwareness::set_activity(const SeatOf& seat, Activity activity, Time lasts, Moment now) {
  write(TapeEvent::kActivity, seat, activity, lasts, now);
  return said(AwarenessCore::set_activity(seat, std::move(activity), lasts, now));
}

Status TapedAwareness::set_position(const SeatOf& seat, std::optional<Position> position,
                                    Time lasts, Moment now) {
  write(TapeEvent::kPosition, seat, position, lasts, now);
  return said(AwarenessCore::set_position(seat, position, lasts, now));
}

void TapedAwareness::apply_privacy(const std::string& eid, const Privacy& privacy, Moment now) {
  write(TapeEvent::kPrivacy, eid, privacy, now);
  AwarenessCore::apply_privacy(eid, privacy, now);
}

void TapedAwareness::apply_relation(const std::string& owner, const std::string& other,
                                    const Relation& relation, Moment now) {
  write(TapeEvent::kRelation, owner, other, relation, now);
  AwarenessCore::apply_relation(owner, other, relation, now);
}

Result<AwarenessCore::Watching> TapedAwareness::watch(SeatNumber seat, const std::string& viewer,
                                                      bool contacts,
                                                      const std::vector<std::string>& others,
                                                      Moment now) {
  write(TapeEvent::kWatch, seat, viewer, contacts, others, now);
  return said(AwarenessCore::watch(seat, viewer, contacts, others, now));
}

void TapedAwareness::unwatch(SeatNumber seat) {
  write(TapeEvent::kUnwatch, seat);
  AwarenessCore::unwatch(seat);
}

void TapedAwareness::ready(SeatNumber seat, Moment now) {
  write(TapeEvent::kReady, seat, now);
  AwarenessCore::ready(seat, now);
}

void TapedAwareness::advance(Moment now, const HeardAt& heard) {
  if (!begin_input()) return AwarenessCore::advance(now, heard);
  const Overheard overheard(heard);
  AwarenessCore::advance(now, overheard);
  put_down(TapeEvent::kAdvance, now, overheard.answers());
}

void TapedAwareness::stop_lapsing() {
  write(TapeEvent::kStopLapsing);
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
  write(TapeEvent::kKept, entity);
  return said(AwarenessCore::kept(entity));
}

}  // namespace bimip::frontend
