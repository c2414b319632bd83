// Bimip over gRPC: sessions as streams, unary calls for back ends, health, reflection.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "frontend/transport/grpc/grpc_host.h"

namespace bimip::frontend {

// Thread-safe. gRPC's threads only hand over: what a call does happens on the thread of its peer.
class GrpcServer {
 public:
  // `host` outlives it. The port it listens on, or why it cannot.
  explicit GrpcServer(const GrpcHost& host);
  ~GrpcServer();
  [[nodiscard]] std::expected<std::uint16_t, std::string> listen(const std::string& address,
                                                                 std::uint16_t port);
  // Health checks say NOT_SERVING from now on.
  void stop_serving();
  // Takes no more calls and cancels those that are left; returns when none is. The threads of the
  // peers still run.
  void close();

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace bimip::frontend
