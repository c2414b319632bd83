#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "frontend/transport/http/request.h"

namespace bimip::frontend {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kUpgrade =
    "GET /?x=1 HTTP/1.1\r\nHost: here:80\r\nUpgrade: websocket\r\nConnection: keep-alive, "
    "Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: bimip.v1.json, other\r\nSec-WebSocket-Protocol: bimip.v1\r\n\r\nrest";

TEST(HttpRequest, ReadsAHandshake) {
  const auto request = parse_request(kUpgrade);
  ASSERT_TRUE(request.has_value() && request->has_value());
  EXPECT_EQ((*request)->method, "GET");
  EXPECT_EQ((*request)->path, "/");
  EXPECT_TRUE((*request)->wants_websocket);
  EXPECT_EQ((*request)->websocket_version, "13");
  EXPECT_THAT((*request)->subprotocols,
              ::testing::ElementsAre("bimip.v1.json", "other", "bimip.v1"));
  EXPECT_EQ(kUpgrade.substr((*request)->bytes), "rest");
}

TEST(HttpRequest, FindsTheTokenOfABrowserAndOfOthers) {
  const auto token = [](std::string headers) {
    const auto request = parse_request("GET / HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n");
    return request.has_value() && request->has_value() ? (*request)->token : "no request";
  };
  EXPECT_EQ(token(""), "");
  EXPECT_EQ(token("Authorization: Bearer a.b-c.d_e\r\n"), "a.b-c.d_e");
  EXPECT_EQ(token("Authorization: Basic YQ==\r\n"), "");
  EXPECT_EQ(token("Sec-WebSocket-Protocol: bimip.v1, bimip.token.a.b-c.d_e\r\n"), "a.b-c.d_e");
  EXPECT_EQ(token("Sec-WebSocket-Protocol: bimip.token.x\r\nAuthorization: Bearer y\r\n"), "y");
}

TEST(HttpRequest, WaitsForAWholeHead) {
  const std::size_t head = kUpgrade.size() - 4;
  for (std::size_t size = 0; size < head; ++size) {
    const auto request = parse_request(kUpgrade.substr(0, size));
    ASSERT_TRUE(request.has_value()) << size << ": " << request.error();
    ASSERT_FALSE(request->has_value()) << size;
  }
  EXPECT_TRUE(parse_request(kUpgrade.substr(0, head))->has_value());
}

TEST(HttpRequest, RefusesWhatIsNone) {
  for (const std::string_view bytes :
       {"BIMIP\0\0\1"sv, "\x16\x03\x01"sv, "GET / HTTP/9.9\r\n\r\n"sv, "GET /\r\n\r\n"sv,
        "GET / HTTP/1.1\r\nHost here\r\n\r\n"sv,
        "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"sv})
    EXPECT_FALSE(parse_request(bytes).has_value()) << bytes;
}

TEST(HttpRequest, AnswersTheHandshakesKeyAsTheStandardsExampleDoes) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  for (const std::string_view key : {"", "short", "dGhlIHNhbXBsZSBub25jZQ=",
                                     "dGhlIHNhbXBsZSBub25jZQ=!", "dGhlIHNhbXBsZSBub25jZTEy"})
    EXPECT_EQ(websocket_accept(key), "") << key;
}

TEST(HttpRequest, LetsPagesOfItsOwnServerAndOfTheListIn) {
  const auto allowed = [](std::string origin, const std::vector<std::string>& list) {
    return is_allowed_origin(
        {.method = "GET", .path = "/", .host = "10.0.0.1:80", .origin = std::move(origin)}, list);
  };
  EXPECT_TRUE(allowed("", {}));
  EXPECT_TRUE(allowed("http://10.0.0.1:80", {}));
  EXPECT_FALSE(allowed("http://10.0.0.1", {}));
  EXPECT_FALSE(allowed("null", {}));
  EXPECT_FALSE(allowed("https://app.example", {}));
  EXPECT_FALSE(allowed("https://app.example.evil.example", {"https://app.example"}));
  EXPECT_TRUE(allowed("https://app.example", {"https://other.example", "https://app.example"}));
  EXPECT_TRUE(allowed("https://anything.example", {"*"}));
}

// A page of http://evil.example:80, whose name was then made to lead here.
TEST(HttpRequest, TakesNoNameForItsOwn) {
  const auto own = [](const std::string& host) {
    return is_allowed_origin(
        {.method = "GET", .path = "/", .host = host, .origin = "http://" + host}, {});
  };
  for (const std::string host : {"10.0.0.1", "10.0.0.1:80", "[::1]", "[::1]:80", "localhost:80"})
    EXPECT_TRUE(own(host)) << host;
  for (const std::string host :
       {"", ":80", "evil.example", "evil.example:80", "10.0.0.1.example:80", "localhost.example",
        "[::1].example", "[evil]:80", "["})
    EXPECT_FALSE(own(host)) << host;
}

}  // namespace
}  // namespace bimip::frontend
