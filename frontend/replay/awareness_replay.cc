#include "frontend/replay/awareness_replay.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "frontend/replay/core_replay.h"
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

class AwarenessReplay final : public CoreReplay {
 public:
  using CoreReplay::CoreReplay;

 private:
  [[nodiscard]] std::uint64_t state_hash() const override { return core_->state_hash(); }

  bool begin(TapeEvent event, TapeReader& from) override {
    if (event != TapeEvent::kRules) {
      if (core_) return false;
      differ("something happens before there are rules");
    } else if (core_) {
      differ("there are rules already");
    } else {
      with<AwarenessRules>(from, [&](const AwarenessRules& rules) { core_.emplace(rules); });
    }
    return true;
  }

  bool tell(TapeEvent event, TapeReader& from) override {
    return say(event, from) || load(event, from) || look(event, from);
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

  std::optional<AwarenessCore> core_{};
  std::vector<EntityNumber> stale_{};
};

}  // namespace

ReplayReport replay_awareness(RecordingReader recording) {
  return AwarenessReplay(std::move(recording)).run();
}

}  // namespace bimip::frontend
