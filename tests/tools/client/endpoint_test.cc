#include "tools/client/endpoint.h"

#include <gtest/gtest.h>

#include "frontend/stanza/limits.h"

namespace bimip::client {
namespace {

TEST(Endpoint, IsAHostWithOrWithoutItsPort) {
  const struct {
    std::string_view text;
    std::string_view host;
    std::uint16_t port;
  } cases[] = {
      {"localhost:1", "localhost", 1},
      {"127.0.0.1:65535", "127.0.0.1", 65535},
      {"bimip.example.org", "bimip.example.org", frontend::limits::kTcpPort},
      {"[::1]:9", "::1", 9},
      {"[::1]", "::1", frontend::limits::kTcpPort},
  };
  for (const auto& [text, host, port] : cases) {
    const Result<Endpoint> endpoint = parse_endpoint(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(endpoint->host, host);
    EXPECT_EQ(endpoint->port, port);
  }
}

TEST(Endpoint, IsNothingElse) {
  for (const std::string_view text :
       {"", ":1", "host:", "host:0", "host:65536", "host:1x", "host:-1", "[::1", "[]", "[]:1"}) {
    const Result<Endpoint> endpoint = parse_endpoint(text);
    ASSERT_FALSE(endpoint) << text;
    EXPECT_EQ(endpoint.error().code, engine::ErrorCode::kInvalidArgument);
    EXPECT_EQ(endpoint.error().message, "'" + std::string(text) + "' is no HOST:PORT");
  }
}

}  // namespace
}  // namespace bimip::client
