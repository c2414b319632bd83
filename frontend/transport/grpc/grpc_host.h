// What gRPC calls need of the node.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "frontend/session/session.h"
#include "frontend/transport/peer_owner.h"

namespace bimip::frontend {

// The thread that a call's peer lives on.
struct PeerSeat {
  SessionHost& host;
  PeerOwner& owner;
};

// Thread-safe; outlives the server.
struct GrpcHost {
  // Nothing: there are as many connections as there may be. Else a peer is to be adopted there.
  std::function<std::optional<PeerSeat>()> seat;
  std::function<std::shared_ptr<Session>(SessionHost& host, Framing framing, Moment now)> session;
};

}  // namespace bimip::frontend
