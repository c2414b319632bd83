#include "frontend/replay/recorder.h"

#include <cstdlib>
#include <map>

#include "engine/base/hash.h"
#include "frontend/replay/limits_word.h"
#include "frontend/session/session.h"

namespace bimip::frontend {
namespace {

// A session's state is written down before every so many of its inputs.
constexpr std::uint64_t kInputsPerState = 16;

}  // namespace

Recorder::Recorder(std::ostream& out, const RecordingHead& head, std::uint64_t bytes_max)
    : Tape(Mode::kRecords), writer_(out, head, bytes_max) {}

void Recorder::on_began(Session& session, Framing framing, Moment now) {
  const std::uint64_t number = ++last_session_;
  sessions_[&session] = {.number = number};
  std::string words;
  TapeWriter to(words, memory());
  put(to, number);
  put(to, session.id());
  put(to, framing);
  put(to, now);
  put(to, session.host().limits());
  (void)writer_.add(TapeEvent::kBegin, words);
}

void Recorder::on_gone(const Session& session) {
  const auto at = sessions_.find(&session);
  add_state(session, at->second.number);
  std::string words;
  TapeWriter to(words, memory());
  put(to, at->second.number);
  (void)writer_.add(TapeEvent::kGone, words);
  sessions_.erase(at);
}

void Recorder::on_input(const Session& session, TapeEvent event, const std::string& words) {
  Known& known = sessions_.at(&session);
  if (known.inputs++ % kInputsPerState == 0) add_state(session, known.number);
  std::string all;
  TapeWriter(all, memory()).number(known.number);
  all += words;
  (void)writer_.add(event, all);
}

void Recorder::add_state(const Session& session, std::uint64_t number) {
  if (!writer_.is_open()) return;
  std::string words;
  TapeWriter to(words, memory());
  put(to, number);
  to.fixed(session.state_hash());
  (void)writer_.add(TapeEvent::kState, words);
}

void Recorder::on_output(const Session& session, std::string_view bytes) {
  std::string words;
  TapeWriter to(words, memory());
  put(to, sessions_.at(&session).number);
  put(to, bytes.size());
  to.fixed(engine::xxh3_64(engine::as_bytes(bytes)));
  (void)writer_.add(TapeEvent::kOutput, words);
}

std::uint64_t Recorder::on_request(SessionRequest&) { return ++last_request_; }

void Recorder::on_came_back(const SessionRequest& request, Moment now) {
  std::string words;
  TapeWriter to(words, memory());
  const bool was_asked = request.number() != 0;
  put(to, was_asked ? request.number() : sessions_.at(request.session().get()).number);
  put(to, now);
  request.save(to);
  (void)writer_.add(was_asked ? TapeEvent::kAnswer : TapeEvent::kNotice, words);
}

void Recorder::on_learnt(const std::string& words) { (void)writer_.add(TapeEvent::kLearnt, words); }

void Recorder::on_generation(std::uint64_t generation) {
  if (generation == generation_) return;
  generation_ = generation;
  std::string words;
  TapeWriter(words, memory()).number(generation);
  (void)writer_.add(TapeEvent::kGeneration, words);
}

void Recorder::on_asked(std::string_view words) {
  std::string hash;
  TapeWriter(hash, memory()).fixed(engine::xxh3_64(engine::as_bytes(words)));
  (void)writer_.add(TapeEvent::kAsked, hash);
}

void Recorder::on_takeover() { (void)writer_.add(TapeEvent::kTakenOver, {}); }

// A replay's.
bool Recorder::next_takeover() { std::abort(); }
std::string Recorder::next_learnt() { std::abort(); }
std::uint64_t Recorder::next_generation() { std::abort(); }

void Recorder::finish() {
  std::map<std::uint64_t, const Session*> by_number;
  for (const auto& [session, known] : sessions_) by_number.emplace(known.number, session);
  for (const auto& [number, session] : by_number) add_state(*session, number);
  writer_.end();
}

}  // namespace bimip::frontend
