#include "frontend/replay/replayer.h"

#include <map>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "engine/base/hash.h"
#include "frontend/replay/awareness_replay.h"
#include "frontend/replay/limits_word.h"
#include "frontend/replay/offer_replay.h"
#include "frontend/replay/replay_host.h"
#include "frontend/session/notices.h"

namespace bimip::frontend {
namespace {

class Replay {
 public:
  explicit Replay(RecordingReader reader) : tape_(std::move(reader)) {}
  ~Replay() {
    tape_.forget_pending();
    sessions_.clear();
  }
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  ReplayReport run() {
    report_.head = tape_.head();
    while (const std::optional<RecordedEvent> event = tape_.next()) {
      if (event->event == TapeEvent::kEnd || event->event == TapeEvent::kFull) {
        report_.end =
            event->event == TapeEvent::kEnd ? ReplayReport::End::kWhole : ReplayReport::End::kFull;
        break;
      }
      // Its words end where the next event is read.
      const std::string words(event->words);
      TapeReader from(words, tape_.memory());
      apply(event->event, from);
      if (!from.ok()) tape_.differ("an event that says less than its kind says");
    }
    report_.events = tape_.events();
    report_.difference = tape_.difference();
    return report_;
  }

 private:
  void apply(TapeEvent event, TapeReader& from) {
    switch (event) {
      case TapeEvent::kBegin:
        return begin(from);
      case TapeEvent::kGone:
        sessions_.erase(from.number());
        return;
      case TapeEvent::kAnswer:
        return answer(from);
      case TapeEvent::kNotice:
        return notice(from);
      case TapeEvent::kOutput:
        return compare_output(from);
      case TapeEvent::kState:
        return compare_state(from);
      case TapeEvent::kLearnt:
      case TapeEvent::kGeneration:
      case TapeEvent::kTakenOver:
      case TapeEvent::kAsked:
        return tape_.differ("the session does not ask for what it asked for then");
      default:
        if (Session* session = find(from)) {
          ++report_.inputs;
          input(*session, event, from);
        }
    }
  }

  void begin(TapeReader& from) {
    const std::uint64_t number = from.number();
    std::string id = get<std::string>(from);
    const auto framing = get<Framing>(from);
    const auto now = get<Moment>(from);
    host_.in_force = get<SessionLimits>(from);
    if (!from.ok() || framing > Framing::kField) return from.fail();
    sessions_[number] = std::make_shared<Session>(host_, std::move(id), framing, now);
    ++report_.sessions;
  }

  Session* find(TapeReader& from) {
    const auto at = sessions_.find(from.number());
    if (at != sessions_.end()) return at->second.get();
    tape_.differ("an event of a session that is not there");
    return nullptr;
  }

  void answer(TapeReader& from) {
    SessionRequest* const request = tape_.pending(from.number());
    if (request == nullptr) return tape_.differ("an answer to what was not asked");
    const std::unique_ptr<SessionRequest> owned(request);
    const auto now = get<Moment>(from);
    owned->come_back_with(from, now);
  }

  void notice(TapeReader& from) {
    Session* const session = find(from);
    if (session == nullptr) return;
    const auto now = get<Moment>(from);
    const std::unique_ptr<SessionRequest> made = make_notice(session->shared_from_this(), from);
    if (made == nullptr) return from.fail();
    made->come_back_with(from, now);
  }

  void compare_output(TapeReader& from) {
    Session* const session = find(from);
    if (session == nullptr) return;
    const std::uint64_t bytes = from.number();
    const std::uint64_t hash = from.fixed();
    const std::string output = session->take_output();
    ++report_.outputs;
    if (output.size() == bytes && engine::xxh3_64(engine::as_bytes(output)) == hash) return;
    tape_.differ("session " + session->id() + " says " + std::to_string(output.size()) +
                 " bytes that are not the " + std::to_string(bytes) + " it said then");
  }

  void compare_state(TapeReader& from) {
    Session* const session = find(from);
    if (session == nullptr) return;
    ++report_.states;
    if (session->state_hash() != from.fixed())
      tape_.differ("session " + session->id() + " is in another state than then");
  }

  void input(Session& session, TapeEvent event, TapeReader& from);

  ReplayReport report_{};
  ReplayTape tape_;
  ReplayHost host_{tape_};
  std::map<std::uint64_t, std::shared_ptr<Session>> sessions_;
};

void Replay::input(Session& session, TapeEvent event, TapeReader& from) {
  switch (event) {
    case TapeEvent::kStanza: {
      v1::Stanza stanza;
      const std::string_view bytes = from.bytes();
      if (!stanza.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return from.fail();
      return session.on_stanza(stanza, get<Moment>(from));
    }
    case TapeEvent::kNoStanza:
      // A tag that no field has.
      return session.on_frame(engine::as_bytes(std::string_view("\0", 1)), get<Moment>(from));
    case TapeEvent::kBadStream:
      return session.on_bad_stream(get<FrameProblem>(from));
    case TapeEvent::kCarriedToken:
      return session.set_carried_token(get<bool>(from) ? std::string() : std::string("*"));
    case TapeEvent::kMalformed:
      return session.on_malformed(get<std::string>(from));
    case TapeEvent::kHeard:
      return session.on_heard(get<Moment>(from));
    case TapeEvent::kAdvanced: {
      const auto topic = get<engine::TopicId>(from);
      const auto partition = get<engine::PartitionId>(from);
      return session.on_advanced(topic, partition, get<engine::Offset>(from));
    }
    case TapeEvent::kSent:
      return session.on_sent(get<std::size_t>(from));
    case TapeEvent::kTick:
      return session.on_tick(get<Moment>(from));
    case TapeEvent::kFarewell: {
      const auto leave = get<std::chrono::milliseconds>(from);
      return session.on_farewell(
          {.leave_within = leave, .come_back_after = get<std::chrono::milliseconds>(from)});
    }
    case TapeEvent::kDrain:
      return session.on_drain();
    case TapeEvent::kStalled:
      return session.on_stalled();
    case TapeEvent::kKick:
      return session.kick(get<std::string>(from));
    case TapeEvent::kDisconnected:
      return session.on_disconnected();
    default:
      tape_.differ("an event of a kind that this program does not know");
  }
}

ReplayReport run(RecordingReader reader) {
  if (reader.head().core == RecordedCore::kAwareness) return replay_awareness(std::move(reader));
  if (reader.head().core == RecordedCore::kOffers) return replay_offers(std::move(reader));
  return Replay(std::move(reader)).run();
}

}  // namespace

engine::Result<ReplayReport> replay(std::istream& recording) {
  auto reader = RecordingReader::open(recording);
  if (!reader) return std::unexpected(std::move(reader.error()));
  ReplayReport report = run(std::move(*reader));
  if (report.difference && report.head.build != this_build()) {
    report.difference->what += " (it was recorded by another build, " + report.head.build +
                               "; this is " + std::string(this_build()) + ")";
  }
  if (report.end == ReplayReport::End::kOpen && !report.difference)
    report.rest = rest_of(recording);
  return report;
}

}  // namespace bimip::frontend
