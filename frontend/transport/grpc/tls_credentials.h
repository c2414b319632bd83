// The server's certificate, as gRPC wants it.
#pragma once

#include <memory>

#include "frontend/transport/tls/tls_context.h"

namespace grpc {
class ServerCredentials;
}

namespace bimip::frontend {

// Each handshake has the certificate that is in force then. `tls` and what is returned outlive the
// server.
[[nodiscard]] std::shared_ptr<grpc::ServerCredentials> make_tls_credentials(const TlsContext& tls);

}  // namespace bimip::frontend
