// What a gRPC call says of its caller: the token that it carries, and where it comes from.
#pragma once

#include <string>

namespace grpc {
class CallbackServerContext;
}

namespace bimip::frontend {

// Of the metadata "authorization: Bearer TOKEN"; empty: there is none.
[[nodiscard]] std::string bearer_token(const grpc::CallbackServerContext& context);
// Who calls: ADDRESS:PORT.
[[nodiscard]] std::string peer_address(const grpc::CallbackServerContext& context);

}  // namespace bimip::frontend
