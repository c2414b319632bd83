#include "frontend/replay/awareness_replay.h"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/base/hash.h"
#include "frontend/services/awareness/awareness_core.h"
#include "frontend/services/awareness/awareness_words.h"

namespace bimip::frontend {
namespace {

// What the core was told of its peers while time passed.
class Heard final : public HeardAt {
 public:
  explicit Heard(std::vector<std::chrono::nanoseconds> answers) : answers_(std::move(answers)) {}
  [[nodiscard]] std::chrono::nanoseconds heard_at(SeatNumber) const override {
    const std::size_t at = asked_++;
    return at < answers_.size() ? answers_[at] : std::chrono::nanoseconds{};
  }
  [[nodiscard]] bool was_asked_as_then() const { return asked_ == answers_.size(); }

 private:
  const std::vector<std::chrono::nanoseconds> answers_;
  mutable std::size_t asked_ = 0;
};

class AwarenessReplay {
 public:
  explicit AwarenessReplay(RecordingReader reader) : reader_(std::move(reader)) {}

  ReplayReport run() {
    report_.head = reader_.head();
    while (!report_.difference) {
      const std::optional<RecordedEvent> event = reader_.next();
      if (!event) break;
      ++report_.events;
      if (event->event == TapeEvent::kEnd || event->event == TapeEvent::kFull) {
        report_.end =
            event->event == TapeEvent::kEnd ? ReplayReport::End::kWhole : ReplayReport::End::kFull;
        break;
      }
      TapeReader from(event->words, memory_);
      take(event->event, from);
      if (!from.ok()) differ("an event that says less than its kind says");
    }
    return std::move(report_);
  }

 private:
  void differ(std::string what) {
    if (!report_.difference)
      report_.difference = {.event = report_.events, .what = std::move(what)};
  }

  void take(TapeEvent event, TapeReader& from) {
    if (event == TapeEvent::kRules) return begin(from);
    if (!core_) return differ("something happens before there are rules");
    if (event == TapeEvent::kSaid) return compare_said(from);
    if (said_) return differ("it says something where it said nothing then");
    if (event == TapeEvent::kAwareness) return compare_state(from);
    ++report_.inputs;
    if (!say(event, from) && !load(event, from) && !look(event, from))
      differ("an event of a kind that this program does not know");
  }

  void begin(TapeReader& from) {
    if (core_) return differ("there are rules already");
    with<AwarenessRules>(from, [&](const AwarenessRules& rules) { core_.emplace(rules); });
  }

  void compare_said(TapeReader& from) {
    if (!said_) return differ("it says nothing where it said something then");
    ++report_.outputs;
    const bool is_same = engine::xxh3_64(engine::as_bytes(*said_)) == from.fixed();
    said_.reset();
    if (!is_same) differ("it says something else than then");
  }

  void compare_state(TapeReader& from) {
    ++report_.states;
    if (core_->state_hash() != from.fixed()) differ("it is in another state than then");
  }

  // Nothing is done with what could not be read.
  template <typename... Values, typename Act>
  void with(TapeReader& from, const Act& act) {
    std::tuple<Values...> values{get<Values>(from)...};
    if (from.ok()) std::apply(act, std::move(values));
  }
  template <typename Value>
  void says(const Value& value) {
    said_ = words_on_tape(value);
  }

  // What devices and viewers say.
  bool say(TapeEvent event, TapeReader& from) {
    AwarenessCore& core = *core_;
    switch (event) {
      case TapeEvent::kAnnounce:
        with<SeatOf, Announcement, Moment>(
            from, [&](const SeatOf& seat, Announcement announcement, Moment now) {
              says(core.announce(seat, std::move(announcement), now));
            });
        return true;
      case TapeEvent::kLeave:
        with<SeatOf, Leaving, Moment>(from, [&](const SeatOf& seat, Leaving leaving, Moment now) {
          core.leave(seat, leaving, now);
        });
        return true;
      case TapeEvent::kActivity:
        with<SeatOf, Activity, std::chrono::nanoseconds, Moment>(
            from, [&](const SeatOf& seat, Activity activity, auto lasts, Moment now) {
              says(core.set_activity(seat, std::move(activity), lasts, now));
            });
        return true;
      case TapeEvent::kPosition:
        with<SeatOf, std::optional<Position>, std::chrono::nanoseconds, Moment>(
            from, [&](const SeatOf& seat, const std::optional<Position>& position, auto lasts,
                      Moment now) { says(core.set_position(seat, position, lasts, now)); });
        return true;
      case TapeEvent::kWatch:
        with<SeatNumber, std::string, bool, std::vector<std::string>, Moment>(
            from, [&](SeatNumber seat, const std::string& viewer, bool contacts,
                      const std::vector<std::string>& others,
                      Moment now) { says(core.watch(seat, viewer, contacts, others, now)); });
        return true;
      case TapeEvent::kUnwatch:
        with<SeatNumber>(from, [&](SeatNumber seat) { core.unwatch(seat); });
        return true;
      case TapeEvent::kReady:
        with<SeatNumber, Moment>(from, [&](SeatNumber seat, Moment now) { core.ready(seat, now); });
        return true;
      default:
        return false;
    }
  }

  // What was recorded, before and since.
  bool load(TapeEvent event, TapeReader& from) {
    AwarenessCore& core = *core_;
    switch (event) {
      case TapeEvent::kLoadPrivacy:
        with<std::string, Privacy>(from, [&](const std::string& eid, const Privacy& privacy) {
          says(core.load_privacy(eid, privacy));
        });
        return true;
      case TapeEvent::kLoadRelation:
        with<std::string, std::string, Relation>(
            from,
            [&](const std::string& owner, const std::string& other, const Relation& relation) {
              says(core.load_relation(owner, other, relation));
            });
        return true;
      case TapeEvent::kLoadState:
        with<std::string, KeptState, engine::Timestamp, Moment>(
            from, [&](const std::string& eid, const KeptState& state, engine::Timestamp ended_at,
                      Moment now) { says(core.load_state(eid, state, ended_at, now)); });
        return true;
      case TapeEvent::kPrivacy:
        with<std::string, Privacy, Moment>(
            from, [&](const std::string& eid, const Privacy& privacy, Moment now) {
              core.apply_privacy(eid, privacy, now);
            });
        return true;
      case TapeEvent::kRelation:
        with<std::string, std::string, Relation, Moment>(
            from, [&](const std::string& owner, const std::string& other, const Relation& relation,
                      Moment now) { core.apply_relation(owner, other, relation, now); });
        return true;
      default:
        return false;
    }
  }

  // Time, and what is taken from it.
  bool look(TapeEvent event, TapeReader& from) {
    AwarenessCore& core = *core_;
    switch (event) {
      case TapeEvent::kAdvance:
        with<Moment, std::vector<std::chrono::nanoseconds>>(from, [&](Moment now, auto answers) {
          const Heard heard(std::move(answers));
          core.advance(now, heard);
          if (!heard.was_asked_as_then()) differ("it asks when other peers were heard than then");
        });
        return true;
      case TapeEvent::kStopLapsing:
        core.stop_lapsing();
        return true;
      case TapeEvent::kTakeTold:
        says(core.take_told());
        return true;
      case TapeEvent::kTakeTransitions:
        says(core.take_transitions());
        return true;
      case TapeEvent::kTakeStale:
        stale_ = core.take_stale();
        says(stale_);
        return true;
      case TapeEvent::kKept:
        with<EntityNumber>(from, [&](EntityNumber entity) {
          if (std::ranges::find(stale_, entity) == stale_.end())
            return differ("what is not stale was kept");
          says(core.kept(entity));
        });
        return true;
      default:
        return false;
    }
  }

  RecordingReader reader_;
  TapeMemory memory_{};
  ReplayReport report_{};
  std::optional<AwarenessCore> core_{};
  std::optional<std::string> said_{};  // and not yet compared
  std::vector<EntityNumber> stale_{};
};

}  // namespace

ReplayReport replay_awareness(RecordingReader recording) {
  return AwarenessReplay(std::move(recording)).run();
}

}  // namespace bimip::frontend
