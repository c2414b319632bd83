#include "frontend/transport/websocket/websocket_carrier.h"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "bimip/v1/stanza.pb.h"
#include "tests/frontend/transport/client_frames.h"
#include "tests/frontend/transport/silent_host.h"

namespace bimip::frontend {
namespace {

using namespace std::chrono_literals;
using bimip::testing::client_frame;
using bimip::testing::drain;
using enum WebSocketOpcode;

struct ServerFrame {
  WebSocketOpcode opcode;
  std::string payload;
};

// Frames of a server: unmasked, whole.
std::vector<ServerFrame> frames_of(std::string_view bytes) {
  std::vector<ServerFrame> frames;
  while (!bytes.empty()) {
    std::size_t length = static_cast<std::uint8_t>(bytes[1]);
    std::size_t header = 2;
    if (length == 126 || length == 127) {
      const std::size_t more = length == 126 ? 2 : 8;
      length = 0;
      for (std::size_t i = 0; i < more; ++i)
        length = length << 8 | static_cast<std::uint8_t>(bytes[2 + i]);
      header += more;
    }
    frames.push_back({.opcode = static_cast<WebSocketOpcode>(bytes[0] & 0x0F),
                      .payload = std::string(bytes.substr(header, length))});
    bytes.remove_prefix(header + length);
  }
  return frames;
}

unsigned close_code(const ServerFrame& frame) {
  if (frame.opcode != kClose || frame.payload.size() < 2) return 0;
  return static_cast<unsigned>(static_cast<std::uint8_t>(frame.payload[0])) << 8 |
         static_cast<std::uint8_t>(frame.payload[1]);
}

class WebSocketCarrierTest : public ::testing::Test {
 protected:
  WebSocketCarrier& open(WebSocketEncoding encoding) {
    carrier_ = std::make_unique<WebSocketCarrier>(
        std::make_shared<Session>(host_, "session", framing_of(encoding), Moment{}), encoding, "");
    return *carrier_;
  }
  void say(WebSocketOpcode opcode, std::string_view payload) {
    std::string frame = client_frame({.opcode = opcode, .payload = payload});
    carrier_->on_bytes(frame, now_);
  }
  void say(const v1::Stanza& stanza) { say(kBinary, stanza.SerializeAsString()); }
  std::vector<ServerFrame> hear() { return frames_of(drain(*carrier_)); }

  static v1::Stanza identity() {
    v1::Stanza stanza;
    stanza.set_id(1);
    stanza.mutable_identity()->set_protocol_version(1);
    stanza.mutable_identity()->set_eid("alice");
    return stanza;
  }

  bimip::testing::SilentHost host_;
  Moment now_{};
  std::unique_ptr<WebSocketCarrier> carrier_;
};

TEST_F(WebSocketCarrierTest, CarriesAStanzaAMessage) {
  open(WebSocketEncoding::kBinary);
  say(identity());
  v1::Stanza ping;
  ping.set_id(2);
  ping.mutable_ping()->set_sent_at_us(77);
  say(ping);
  const auto frames = hear();
  ASSERT_EQ(frames.size(), 2U);
  v1::Stanza welcome;
  ASSERT_TRUE(welcome.ParseFromString(frames[0].payload));
  EXPECT_EQ(frames[0].opcode, kBinary);
  EXPECT_EQ(welcome.welcome().session_id(), "session");
  v1::Stanza pong;
  ASSERT_TRUE(pong.ParseFromString(frames[1].payload));
  EXPECT_EQ(pong.pong().sent_at_us(), 77);
}

TEST_F(WebSocketCarrierTest, SpeaksJsonBothWays) {
  open(WebSocketEncoding::kJson);
  say(kText, R"({"id":"1","identity":{"protocolVersion":1,"eid":"alice"},"no_such_member":[1]})");
  say(kText, R"({"id":2,"ping":{"sent_at_us":"9007199254740993"}})");
  const auto frames = hear();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].opcode, kText);
  const auto welcome = nlohmann::json::parse(frames[0].payload);
  EXPECT_EQ(welcome["id"], "1");
  EXPECT_EQ(welcome["welcome"]["sessionId"], "session");
  EXPECT_EQ(nlohmann::json::parse(frames[1].payload)["pong"]["sentAtUs"], "9007199254740993");
  EXPECT_TRUE(carrier_->session()->outbox().is_empty());
  EXPECT_EQ(carrier_->session()->outbox().waiting(), 0U);
}

TEST_F(WebSocketCarrierTest, AnswersAPingWithItsWords) {
  open(WebSocketEncoding::kBinary);
  say(kPing, "still there?");
  const auto frames = hear();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].opcode, kPong);
  EXPECT_EQ(frames[0].payload, "still there?");
}

TEST_F(WebSocketCarrierTest, CountsAPingAsASignOfLife) {
  open(WebSocketEncoding::kBinary);
  say(identity());
  const auto heartbeat = host_.limits().heartbeat;
  // A server that does not look for long has not listened either.
  const auto tick_until = [&](std::chrono::nanoseconds end) {
    for (; now_.monotonic < end; now_.monotonic += std::chrono::milliseconds(500))
      carrier_->on_tick(now_);
  };
  tick_until(heartbeat * 3 / 2);
  say(kPing, "");
  tick_until(heartbeat * 3);
  EXPECT_FALSE(carrier_->session()->is_over());
  tick_until(heartbeat * 4);
  EXPECT_TRUE(carrier_->session()->is_over());
}

TEST_F(WebSocketCarrierTest, ReadsNothingMoreWhileItsPongsAreNotTaken) {
  open(WebSocketEncoding::kBinary);
  for (int i = 0; i < 100; ++i) say(kPing, std::string(125, 'x'));
  EXPECT_FALSE(carrier_->takes_input());
  hear();
  EXPECT_TRUE(carrier_->takes_input());
}

TEST_F(WebSocketCarrierTest, AnswersACloseWithItsCodeAndIsOver) {
  open(WebSocketEncoding::kBinary);
  say(kClose, "\x0F\xA1 done");
  const auto frames = hear();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(close_code(frames[0]), 4001U);
  EXPECT_TRUE(carrier_->is_over());
}

TEST_F(WebSocketCarrierTest, ClosesWithTheTablesCodeBehindTheGoodbyeAndWaitsForTheAnswer) {
  open(WebSocketEncoding::kBinary);
  say(kBinary, "\xFF\xFF\xFF");
  const auto frames = hear();
  ASSERT_EQ(frames.size(), 2U);
  v1::Stanza goodbye;
  ASSERT_TRUE(goodbye.ParseFromString(frames[0].payload));
  EXPECT_EQ(goodbye.goodbye().code(), v1::CODE_MALFORMED);
  EXPECT_EQ(close_code(frames[1]), facts_of(Code::kMalformed).websocket_close);
  EXPECT_FALSE(carrier_->is_over());
  EXPECT_TRUE(carrier_->takes_input());
  say(kBinary, "too late");
  say(kClose, "\x03\xEF");
  EXPECT_TRUE(carrier_->is_over());
  EXPECT_TRUE(hear().empty());
}

TEST_F(WebSocketCarrierTest, WaitsForTheAnswerToItsCloseForABoundedTime) {
  open(WebSocketEncoding::kBinary);
  carrier_->on_drain();
  const auto frames = hear();
  EXPECT_EQ(close_code(frames.back()), 1012U);
  carrier_->on_tick(now_);
  EXPECT_FALSE(carrier_->is_over());
  now_.monotonic += limits::kCloseWithin;
  carrier_->on_tick(now_);
  EXPECT_TRUE(carrier_->is_over());
}

TEST_F(WebSocketCarrierTest, ClosesAtOnceOnWhatIsNoWebSocket) {
  open(WebSocketEncoding::kBinary);
  std::string unmasked("\x82\x01x");
  carrier_->on_bytes(unmasked, now_);
  EXPECT_TRUE(carrier_->is_over());
  EXPECT_EQ(close_code(hear().back()), 1002U);
}

TEST_F(WebSocketCarrierTest, RefusesMessagesOfTheOtherKind) {
  open(WebSocketEncoding::kBinary);
  say(kText, "{}");
  EXPECT_EQ(close_code(hear().back()), 1003U);
  open(WebSocketEncoding::kJson);
  say(kBinary, "x");
  EXPECT_EQ(close_code(hear().back()), 1003U);
}

TEST_F(WebSocketCarrierTest, EndsTheSessionOnTextThatIsNoStanza) {
  for (const std::string_view text :
       {"", "no json", "[]", R"({"id":-1})", R"({"ping":{"sentAtUs":"x"}})"}) {
    open(WebSocketEncoding::kJson);
    say(kText, text);
    const auto frames = hear();
    ASSERT_EQ(frames.size(), 2U) << text;
    EXPECT_EQ(nlohmann::json::parse(frames[0].payload)["goodbye"]["code"], "CODE_MALFORMED")
        << text;
    EXPECT_EQ(close_code(frames[1]), 1007U) << text;
  }
}

TEST_F(WebSocketCarrierTest, SendsTheHandshakesAnswerFirst) {
  carrier_ = std::make_unique<WebSocketCarrier>(
      std::make_shared<Session>(host_, "session", Framing::kWebSocket, Moment{}),
      WebSocketEncoding::kBinary, "the answer");
  say(identity());
  EXPECT_TRUE(drain(*carrier_).starts_with("the answer\x82"));
}

}  // namespace
}  // namespace bimip::frontend
