// The gRPC port: its connections, what guards them, and gRPC behind it.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "frontend/config/settings.h"
#include "frontend/node/listener.h"
#include "frontend/transport/grpc/grpc_carrier.h"
#include "frontend/transport/grpc/grpc_server.h"

namespace bimip::frontend {

// Connections are counted with those of the other ports. Of an address there may be as many as over
// the other ports, beside its calls, which are counted there: a connection without calls is not to
// take the place of one. open(), stop_serving() and close() are called by the node.
class GrpcPort {
 public:
  struct Parts {
    const std::vector<std::unique_ptr<Shard>>& shards;
    ConnectionCount& count;
    const SessionLimits& limits;
    AddressLimits::Limits of_address;
    GrpcHost& host;
    std::function<std::string(std::string_view why)> refusal;
  };
  explicit GrpcPort(const Parts& parts);

  // Where it listens, or why it cannot.
  [[nodiscard]] std::expected<ListenEndpoint, std::string> open(const ListenEndpoint& asked);
  // Health checks say NOT_SERVING from now on.
  void stop_serving() { server_.stop_serving(); }
  // Accepts nothing more, ends the calls that are left and then the connections. The shards still
  // run.
  void close();

  [[nodiscard]] AddressLimits::Refused refused() const { return addresses_.refused(); }
  [[nodiscard]] const GuardEndCounts& ends() const { return ends_; }
  [[nodiscard]] std::size_t open_streams() const { return shared_.streams.open(); }

 private:
  GrpcServer server_;
  AddressLimits addresses_;
  GuardsShared shared_;
  GuardEndCounts ends_;
  const GrpcGate gate_;
  Listener listener_;
};

}  // namespace bimip::frontend
