// What is spoken on a connection: turns the bytes of a stream into what a session is told, and what
// a session says into bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "frontend/session/farewell.h"
#include "frontend/session/moment.h"

namespace bimip::frontend {

class Peer;
class Session;

// A state machine without a socket, as the session is. Owner-thread only. Its memory is bounded
// whatever the peer does: nothing more is read while takes_input() is false.
class Carrier {
 public:
  virtual ~Carrier() = default;

  // Before all else: who is to be pumped when it has output, or takes input again, of its own
  // accord. Outlives it.
  virtual void set_peer(Peer&) {}

  // Inputs. The bytes may be changed in place.
  virtual void on_bytes(std::span<char> bytes, Moment now) = 0;
  // The socket took so many bytes of what take_output() gave.
  virtual void on_sent(std::size_t bytes) = 0;
  virtual void on_tick(Moment now) = 0;
  // As of a session; a carrier of none has nobody to tell.
  virtual void on_farewell(const Farewell&) {}
  virtual void on_drain() = 0;
  // The connection is gone.
  virtual void on_closed() = 0;

  // Outputs. take_output() is called again once all it gave was sent.
  [[nodiscard]] virtual bool has_output() const = 0;
  [[nodiscard]] virtual std::string take_output() = 0;
  [[nodiscard]] virtual bool takes_input() const = 0;
  // The connection ends once the output was sent.
  [[nodiscard]] virtual bool is_over() const = 0;

  // What is spoken: "tcp", say.
  [[nodiscard]] virtual std::string_view name() const = 0;
  // What TLS is to agree on with the client (ALPN), in memory for ever; null: nothing.
  [[nodiscard]] virtual const char* application_protocol() const { return nullptr; }
  // As of Peer.
  [[nodiscard]] virtual bool outlasts_drain() const { return false; }
  // Once it is closed: nothing of it is left behind it. Till then it keeps its place.
  [[nodiscard]] virtual bool is_left() const { return true; }
  // The session that is carried, once there is one.
  [[nodiscard]] virtual Session* session() = 0;
  // Not null: what goes on in this one's place from now on, its output included.
  [[nodiscard]] virtual std::unique_ptr<Carrier> take_successor() { return nullptr; }
};

}  // namespace bimip::frontend
