#include "frontend/node/grpc_port.h"

namespace bimip::frontend {

GrpcPort::GrpcPort(const Parts& parts)
    : server_(parts.host),
      addresses_(parts.of_address),
      shared_{.streams = StreamBudget(parts.limits.connections)},
      gate_{.shared = shared_,
            .ends = ends_,
            .peers = parts.host.peers,
            .serve = [this](int descriptor) { server_.serve(descriptor); }},
      listener_({.shards = parts.shards,
                 .count = parts.count,
                 .addresses = addresses_,
                 .maker =
                     [this](Shard& shard, Moment now) {
                       return std::make_unique<GrpcCarrier>(gate_, shard.context(), shard.metrics(),
                                                            now);
                     },
                 .refusal = parts.refusal}) {}

std::expected<ListenEndpoint, std::string> GrpcPort::open(const ListenEndpoint& asked) {
  if (!server_.start()) return std::unexpected("cannot start gRPC");
  return listener_.open(asked);
}

void GrpcPort::close() {
  listener_.close();
  server_.close();
}

}  // namespace bimip::frontend
