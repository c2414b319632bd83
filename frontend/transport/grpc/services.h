// The gRPC services of proto/bimip/v1, each over the same session core.
#pragma once

#include <memory>

#include "frontend/transport/grpc/grpc_host.h"

namespace grpc {
class Service;
}

namespace bimip::frontend {

[[nodiscard]] std::shared_ptr<grpc::Service> make_session_service(const GrpcHost& host);
[[nodiscard]] std::shared_ptr<grpc::Service> make_topic_service(const GrpcHost& host);

}  // namespace bimip::frontend
