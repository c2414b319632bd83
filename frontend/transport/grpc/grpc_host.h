// What gRPC calls need of the node.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "frontend/session/session.h"
#include "frontend/transport/address_limits.h"
#include "frontend/transport/grpc/peer_addresses.h"
#include "frontend/transport/peer_owner.h"

namespace bimip::frontend {

// The thread that a call's peer lives on.
struct PeerSeat {
  SessionHost& host;
  PeerOwner& owner;
  AddressLimits::Ticket ticket;
};

enum class GrpcPeer : std::uint8_t { kSession, kCall };

// Thread-safe; outlives the server.
struct GrpcHost {
  // Of a peer at "ADDRESS:PORT". Nothing: there are as many connections as there may be, of all or
  // of the address, or they come too fast. Else a peer is to be adopted there.
  std::function<std::optional<PeerSeat>(const std::string& address, GrpcPeer peer)> seat;
  std::function<std::shared_ptr<Session>(SessionHost& host, Framing framing, Moment now)> session;
  PeerAddresses peers{};
};

}  // namespace bimip::frontend
