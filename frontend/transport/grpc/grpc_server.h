// Bimip over gRPC, on sockets that others accept: sessions as streams, unary calls for back ends,
// health, reflection.
#pragma once

#include <memory>

#include "frontend/transport/grpc/grpc_host.h"

namespace bimip::frontend {

// Thread-safe. gRPC's threads only hand over: what a call does happens on the thread of its peer.
class GrpcServer {
 public:
  // `host` outlives it.
  explicit GrpcServer(const GrpcHost& host);
  ~GrpcServer();
  // Before it serves. False: it cannot.
  [[nodiscard]] bool start();
  // Speaks HTTP/2 over this socket, which it owns; it closes it at once after close().
  void serve(int descriptor);
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
