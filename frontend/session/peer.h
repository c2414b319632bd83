// The other end of a session, as the session's thread sees it.
#pragma once

#include <string>
#include <string_view>

#include "frontend/session/farewell.h"
#include "frontend/session/moment.h"

namespace bimip::frontend {

struct PeerFacts {
  std::string_view transport{};
  std::string address{};  // as the server sees it
  bool is_call = false;   // carries one request: there are many, and their ends are not remembered
};

class Session;

// Carries one session, or is about to, over whatever transport. On its thread only; shared by that
// thread until it says that it is closed.
class Peer {
 public:
  virtual ~Peer() = default;
  // Sends what the session has; reads when it may; closes when it is over. To be called after
  // anything happened to the session.
  virtual void pump() = 0;
  // A few times a second.
  virtual void on_tick(Moment now) = 0;
  // The server is going to stop: tells whom it carries. on_drain() follows.
  virtual void on_farewell(const Farewell&) {}
  // It is time to go: goes on until what was accepted is answered.
  virtual void on_drain() = 0;
  // A server that drains does not wait for it. Always the same.
  [[nodiscard]] virtual bool outlasts_drain() const { return false; }
  virtual void close() = 0;
  // What it carries; null: nothing yet.
  [[nodiscard]] virtual Session* session() const = 0;
  [[nodiscard]] virtual PeerFacts facts() const = 0;
};

}  // namespace bimip::frontend
