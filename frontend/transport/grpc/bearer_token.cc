#include "frontend/transport/grpc/bearer_token.h"

#include <grpcpp/server_context.h>

#include <string_view>

namespace bimip::frontend {

std::string bearer_token(const grpc::CallbackServerContext& context) {
  constexpr std::string_view kBearer = "Bearer ";
  const auto found = context.client_metadata().find("authorization");
  if (found == context.client_metadata().end()) return {};
  const std::string_view value(found->second.data(), found->second.size());
  return value.starts_with(kBearer) ? std::string(value.substr(kBearer.size())) : std::string();
}

}  // namespace bimip::frontend
