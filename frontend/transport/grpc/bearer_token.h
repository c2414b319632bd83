// The token that a gRPC call carries.
#pragma once

#include <string>

namespace grpc {
class CallbackServerContext;
}

namespace bimip::frontend {

// Of the metadata "authorization: Bearer TOKEN"; empty: there is none.
[[nodiscard]] std::string bearer_token(const grpc::CallbackServerContext& context);
}  // namespace bimip::frontend
