#include "tools/client/endpoint.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include "frontend/stanza/limits.h"

namespace bimip::client {

Result<Endpoint> parse_endpoint(std::string_view text) {
  const auto refuse = [&] {
    return engine::fail(engine::ErrorCode::kInvalidArgument,
                        "'" + std::string(text) + "' is no HOST:PORT");
  };
  std::string_view host = text;
  std::string_view port;
  const std::size_t colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  const bool has_port = colon != std::string_view::npos && (!bracketed || text[colon - 1] == ']');
  if (has_port) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (bracketed) {
    if (!host.ends_with(']')) return refuse();
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty()) return refuse();
  Endpoint endpoint;
  endpoint.host = host;
  endpoint.port = frontend::limits::kTcpPort;
  if (!has_port) return endpoint;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc{} || end != port.data() + port.size() || endpoint.port == 0)
    return refuse();
  return endpoint;
}

Result<std::string> token_of(const Endpoint& endpoint) {
  if (endpoint.token_file.empty()) return endpoint.token;
  std::ifstream file(endpoint.token_file);
  std::string token;
  if (!(file >> token))
    return engine::fail(
        engine::ErrorCode::kIo,
        "no token in " + endpoint.token_file +
            (file.is_open() ? std::string() : ": " + std::string(std::strerror(errno))));
  return token;
}

}  // namespace bimip::client
