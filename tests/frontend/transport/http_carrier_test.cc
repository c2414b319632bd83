#include "frontend/transport/http/http_carrier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "frontend/stanza/limits.h"
#include "tests/frontend/transport/silent_host.h"

namespace bimip::frontend {
namespace {

using bimip::testing::drain;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HttpCarrierTest : public ::testing::Test {
 protected:
  std::string ask(std::string request) {
    carrier_.on_bytes(request, {});
    return drain(carrier_);
  }
  std::string upgrade(std::string path, std::string headers) {
    return "GET " + path +
           " HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
           headers + "\r\n";
  }

  bimip::testing::SilentHost host_;
  const HttpService service_{
      .page =
          [](std::string_view path, std::string_view token) {
            if (path == "/mine")
              return token == "secret" ? HttpPage{.body = "yours"}
                                       : HttpPage{.status = 401, .body = ""};
            return path == "/there" ? HttpPage{.body = "found"}
                                    : HttpPage{.status = 404, .body = ""};
          },
      .session = [](SessionHost& host, Framing framing,
                    Moment now) { return std::make_shared<Session>(host, "id", framing, now); },
      .origins = {"https://app.example"}};
  HttpCarrier carrier_{service_, host_, {}};
};

TEST_F(HttpCarrierTest, AnswersAPageAndIsOver) {
  const std::string answer = ask("GET /there?x HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\nfound"));
  EXPECT_TRUE(carrier_.is_over());
  EXPECT_EQ(carrier_.take_successor(), nullptr);
}

TEST_F(HttpCarrierTest, ShowsAPageToWhoHasItsToken) {
  const std::string refusal = ask("GET /mine HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(refusal, StartsWith("HTTP/1.1 401 Unauthorized\r\n"));
  EXPECT_THAT(refusal, HasSubstr("\r\nWWW-Authenticate: Bearer\r\n"));
}

TEST_F(HttpCarrierTest, HandsTheTokenToThePage) {
  EXPECT_TRUE(ask("GET /mine HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer secret\r\n\r\n")
                  .ends_with("\r\n\r\nyours"));
}

TEST_F(HttpCarrierTest, SendsNoBodyToHead) {
  const std::string answer = ask("HEAD /there HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(HttpCarrierTest, RefusesOtherMethods) {
  EXPECT_THAT(ask("DELETE /there HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
}

TEST_F(HttpCarrierTest, ReadsARequestThatComesByteByByte) {
  std::string request = "GET /there HTTP/1.1\r\nHost: h\r\n\r\n";
  for (char& byte : request) carrier_.on_bytes({&byte, 1}, {});
  EXPECT_THAT(drain(carrier_), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(HttpCarrierTest, ReadsABoundedHead) {
  const std::string line = "X-Filler: " + std::string(100, 'x') + "\r\n";
  std::string request = "GET /there HTTP/1.1\r\n";
  while (request.size() < 3 * limits::kHttpHeadBytesMax) request += line;
  EXPECT_THAT(ask(request), HasSubstr("HTTP/1.1 4"));
  EXPECT_TRUE(carrier_.is_over());
}

TEST_F(HttpCarrierTest, ClosesWhoDoesNotComeToAnEnd) {
  std::string begin = "GET /there HTTP/1.1\r\n";
  carrier_.on_bytes(begin, {});
  carrier_.on_tick({.monotonic = limits::kHttpRequestWithin - std::chrono::seconds(1)});
  EXPECT_FALSE(carrier_.is_over());
  carrier_.on_tick({.monotonic = limits::kHttpRequestWithin});
  EXPECT_THAT(drain(carrier_), StartsWith("HTTP/1.1 408 "));
  EXPECT_TRUE(carrier_.is_over());
}

TEST_F(HttpCarrierTest, BecomesAWebSocket) {
  std::string request = upgrade("/",
                                "Sec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Protocol: bimip.v9, bimip.v1.json\r\n");
  carrier_.on_bytes(request, {});
  const std::unique_ptr<Carrier> successor = carrier_.take_successor();
  ASSERT_NE(successor, nullptr);
  const std::string answer = successor->take_output();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 101 Switching Protocols\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nSec-WebSocket-Protocol: bimip.v1.json\r\n"));
  EXPECT_NE(successor->session(), nullptr);
}

TEST_F(HttpCarrierTest, PassesOnWhatFollowsTheHandshakeAtOnce) {
  std::string request =
      upgrade("/", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: bimip.v1\r\n") +
      std::string("\x89\x80\0\0\0\0", 6);
  carrier_.on_bytes(request, {});
  const std::unique_ptr<Carrier> successor = carrier_.take_successor();
  ASSERT_NE(successor, nullptr);
  EXPECT_TRUE(successor->take_output().ends_with(std::string("\x8A\0", 2)));
}

struct Refusal {
  std::string path;
  std::string headers;
  std::string status;
};

class RefusedHandshake : public HttpCarrierTest, public ::testing::WithParamInterface<Refusal> {};

TEST_P(RefusedHandshake, IsAnsweredInWords) {
  EXPECT_THAT(ask(upgrade(GetParam().path, GetParam().headers)),
              StartsWith("HTTP/1.1 " + GetParam().status));
  EXPECT_TRUE(carrier_.is_over());
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedHandshake,
    ::testing::Values(
        Refusal{.path = "/other",
                .headers = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: bimip.v1\r\n",
                .status = "404"},
        Refusal{.path = "/",
                .headers = "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Protocol: bimip.v1\r\n",
                .status = "426"},
        Refusal{.path = "/",
                .headers = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n",
                .status = "400"},
        Refusal{.path = "/", .headers = "Sec-WebSocket-Version: 13\r\n", .status = "400"},
        Refusal{.path = "/",
                .headers = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: bimip.v1\r\n"
                           "Origin: https://evil.example\r\n",
                .status = "403"}));

}  // namespace
}  // namespace bimip::frontend
