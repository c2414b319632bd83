// Bimip over gRPC: sessions as streams, unary calls for back ends, health, reflection.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "frontend/transport/grpc/grpc_host.h"
#include "frontend/transport/tls/tls_context.h"

namespace bimip::frontend {

// Thread-safe. gRPC's threads only hand over: what a call does happens on the thread of its peer.
class GrpcServer {
 public:
  // `host` outlives it.
  explicit GrpcServer(const GrpcHost& host);
  ~GrpcServer();
  struct Place {
    std::string address{};
    std::uint16_t port = 0;           // 0: a free one
    const TlsContext* tls = nullptr;  // null: plain; outlives the server
  };
  // The port it listens on, or why it cannot.
  [[nodiscard]] std::expected<std::uint16_t, std::string> listen(const Place& place);
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
