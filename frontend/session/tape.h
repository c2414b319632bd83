// Everything a session is told goes over a tape in a server that records, and comes from one when
// it is replayed. Design: docs/design/replay.md.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "frontend/session/host.h"
#include "frontend/session/tape_codec.h"
#include "frontend/session/tape_event.h"
#include "frontend/stanza/framing.h"

namespace bimip::frontend {

// One for each thread of sessions. Owner-thread only.
class Tape {
 public:
  enum class Mode : std::uint8_t { kRecords, kReplays };
  virtual ~Tape() = default;
  [[nodiscard]] Mode mode() const { return mode_; }
  [[nodiscard]] bool replays() const { return mode_ == Mode::kReplays; }

  // A session's input, before it is acted on.
  template <typename... Values>
  void input(const Session& session, TapeEvent event, const Values&... values) {
    if (replays()) return;
    std::string words;
    TapeWriter to(words, memory_);
    (put(to, values), ...);
    on_input(session, event, words);
  }
  // What `ask` answers; in a replay what it answered then.
  template <typename Ask>
  auto learn(Ask&& ask) {
    using Value = decltype(ask());
    if (replays()) {
      const std::string words = next_learnt();
      TapeReader from(words, memory_);
      Value then = get<Value>(from);
      if (!from.ok()) on_unreadable();
      return then;
    }
    Value value = std::forward<Ask>(ask)();
    std::string words;
    TapeWriter to(words, memory_);
    put(to, value);
    on_learnt(words);
    return value;
  }
  // The same for a number that hardly ever changes and is looked at all the time.
  template <typename Ask>
  std::uint64_t learn_generation(Ask&& ask) {
    if (replays()) return next_generation();
    const std::uint64_t now = ask();
    on_generation(now);
    return now;
  }
  // The same for what is false until it happens.
  template <typename Ask>
  bool learn_takeover(Ask&& ask) {
    if (replays()) return next_takeover();
    const bool is_so = ask();
    if (is_so) on_takeover();
    return is_so;
  }
  // What a session did, of which the log or the node has the effect.
  template <typename... Values>
  void asked(const Values&... values) {
    std::string words;
    TapeMemory alone;
    TapeWriter to(words, alone);
    (put(to, values), ...);
    on_asked(words);
  }

  virtual void on_began(Session& session, Framing framing, Moment now) = 0;
  // The session is being destroyed.
  virtual void on_gone(const Session& session) = 0;
  virtual void on_output(const Session& session, std::string_view bytes) = 0;
  // A request that will come back; answers its number, from 1.
  [[nodiscard]] virtual std::uint64_t on_request(SessionRequest& request) = 0;
  virtual void on_request_gone(SessionRequest& request) = 0;
  // It has come back.
  virtual void on_came_back(const SessionRequest& request, Moment now) = 0;

 protected:
  explicit Tape(Mode mode) : mode_(mode) {}
  [[nodiscard]] TapeMemory& memory() { return memory_; }
  virtual void on_input(const Session& session, TapeEvent event, const std::string& words) = 0;
  virtual void on_learnt(const std::string& words) = 0;
  virtual std::string next_learnt() = 0;
  virtual void on_unreadable() = 0;
  virtual void on_generation(std::uint64_t generation) = 0;
  virtual std::uint64_t next_generation() = 0;
  virtual void on_takeover() = 0;
  virtual bool next_takeover() = 0;
  virtual void on_asked(std::string_view words) = 0;

 private:
  const Mode mode_;
  TapeMemory memory_;
};

// There is no world behind a replay: what it would say is on the tape.
[[nodiscard]] inline bool is_replay(SessionHost& host) {
  const Tape* const tape = host.tape();
  return tape != nullptr && tape->replays();
}

// What a session asks the world and is told at once.
template <typename Ask>
auto learn(SessionHost& host, Ask&& ask) {
  Tape* const tape = host.tape();
  return tape == nullptr ? std::forward<Ask>(ask)() : tape->learn(std::forward<Ask>(ask));
}

// What a session tells the world, which says nothing to it; a replay has no world.
template <typename Do, typename... Values>
void tell(SessionHost& host, Do&& act, const Values&... values) {
  Tape* const tape = host.tape();
  if (tape != nullptr) tape->asked(values...);
  if (!is_replay(host)) std::forward<Do>(act)();
}

}  // namespace bimip::frontend
