// What peers need of the thread they are on.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>

#include "frontend/session/moment.h"
#include "frontend/session/peer.h"
#include "frontend/session/session_metrics.h"

namespace bimip::frontend {

class Session;

// Outlives its peers. Called on its own thread only, but for post().
class PeerOwner {
 public:
  virtual ~PeerOwner() = default;
  [[nodiscard]] virtual Moment now() const = 0;
  // A peer that takes nothing for so long is closed.
  [[nodiscard]] virtual std::chrono::nanoseconds write_stall() const = 0;
  [[nodiscard]] virtual SessionMetrics& metrics() = 0;
  // Scratch to read into, shared by the thread's peers.
  [[nodiscard]] virtual std::span<char> read_buffer() = 0;
  // Keeps the peer, ticks and drains it, until it is closed.
  virtual void adopt(std::shared_ptr<Peer> peer) = 0;
  // The peer is closed; forgets it. `session`: what it carried, null when that never began.
  virtual void on_closed(Peer& peer, Session* session) = 0;
  // Runs `work` on the owner's thread. Thread-safe.
  virtual void post(std::move_only_function<void()> work) = 0;
};

}  // namespace bimip::frontend
