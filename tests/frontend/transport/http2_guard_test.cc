#include "frontend/transport/grpc/http2_guard.h"

#include <gtest/gtest.h>

#include <random>

#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

using namespace std::chrono_literals;
using http2::FrameHead;

std::string frame(FrameHead head, std::string_view payload = {}) {
  head.length = static_cast<std::uint32_t>(payload.size());
  std::string bytes;
  http2::append_head(bytes, head);
  return bytes.append(payload);
}

const std::string kHello = std::string(http2::kPreface) + frame({.type = http2::kSettings});

std::string call(std::uint32_t stream) {
  return frame({.type = http2::kHeaders, .flags = http2::kEndHeaders, .stream = stream}, "headers");
}

std::string reset(std::uint32_t stream) {
  return frame({.type = http2::kRstStream, .stream = stream}, "code");
}

std::string end_of(std::uint32_t stream) {
  return frame(
      {.type = http2::kHeaders, .flags = http2::kEndHeaders | http2::kEndStream, .stream = stream},
      "status");
}

class Http2GuardTest : public ::testing::Test {
 protected:
  // How the connection ends after this; nothing: it goes on.
  std::optional<GuardEnd> said(std::string_view bytes) {
    passed_ = guard_.on_client(bytes, 0s);
    return guard_.end();
  }
  // In a connection of its own.
  static std::optional<GuardEnd> after_hello(std::string_view bytes) {
    GuardsShared shared{.streams = StreamBudget(1000)};
    Http2Guard guard(shared, 0s);
    (void)guard.on_client(kHello + std::string(bytes), 0s);
    return guard.end();
  }

  GuardsShared shared_{.streams = StreamBudget(1000)};
  Http2Guard guard_{shared_, 0s};
  std::size_t passed_ = 0;
};

TEST_F(Http2GuardTest, LetsCallsPassAndForgetsThoseThatEnd) {
  const std::string bytes = kHello + call(1) + call(3) + call(5) + call(9);
  EXPECT_EQ(said(bytes), std::nullopt);
  EXPECT_EQ(passed_, bytes.size());
  EXPECT_EQ(guard_.open_streams(), 4);
  EXPECT_EQ(said(reset(3)), std::nullopt);
  guard_.on_server(frame({.type = http2::kHeaders, .flags = http2::kEndHeaders, .stream = 1}, "x"));
  guard_.on_server(frame({.type = http2::kData, .stream = 1}, "message"));
  EXPECT_EQ(guard_.open_streams(), 3);
  guard_.on_server(end_of(1) + frame({.type = http2::kRstStream, .stream = 5}, "code"));
  EXPECT_EQ(guard_.open_streams(), 1);
  EXPECT_EQ(shared_.streams.open(), 1);
  EXPECT_EQ(guard_.last_stream(), 9);
}

TEST_F(Http2GuardTest, TakesTrailersAndWhatComesLateForNoNewCalls) {
  EXPECT_EQ(said(kHello + call(1)), std::nullopt);
  guard_.on_server(end_of(1));
  EXPECT_EQ(said(end_of(1) + reset(1) + frame({.type = http2::kData, .stream = 1}, "late") +
                 frame({.type = http2::kWindowUpdate, .stream = 1}, "1234")),
            std::nullopt);
  EXPECT_EQ(guard_.open_streams(), 0);
  EXPECT_EQ(shared_.streams.open(), 0);
}

TEST_F(Http2GuardTest, EndsWhatBeginsOtherwise) {
  EXPECT_EQ(said("GET / HTTP/1.1\r\n"), GuardEnd::kNotHttp2);
  GuardsShared shared{.streams = StreamBudget(1)};
  Http2Guard other(shared, 0s);
  (void)other.on_client(std::string(http2::kPreface) + frame({.type = http2::kPing}, "8 bytes!"),
                        0s);
  EXPECT_EQ(other.end(), GuardEnd::kProtocol);
}

TEST_F(Http2GuardTest, SaysWhenHelloIsComplete) {
  for (const char byte : kHello) {
    EXPECT_FALSE(guard_.has_said_hello());
    EXPECT_EQ(said({&byte, 1}), std::nullopt);
  }
  EXPECT_TRUE(guard_.has_said_hello());
}

TEST_F(Http2GuardTest, BoundsTheCallsOfAConnectionWhateverTheServerAnnounced) {
  std::string bytes = kHello;
  for (std::uint32_t i = 0; i < limits::kGrpcStreamsMax; ++i) bytes += call(1 + 2 * i);
  EXPECT_EQ(said(bytes), std::nullopt);
  guard_.on_server(end_of(7));
  const auto next = static_cast<std::uint32_t>(2 * limits::kGrpcStreamsMax + 1);
  EXPECT_EQ(said(call(next)), std::nullopt);
  EXPECT_EQ(said(call(next + 2)), GuardEnd::kStreams);
  EXPECT_EQ(guard_.last_stream(), next);
}

TEST_F(Http2GuardTest, BoundsTheCallsOfAllConnections) {
  GuardsShared shared{.streams = StreamBudget(3)};
  Http2Guard one(shared, 0s);
  (void)one.on_client(kHello + call(1) + call(3), 0s);
  {
    Http2Guard other(shared, 0s);
    (void)other.on_client(kHello + call(1) + call(3), 0s);
    EXPECT_EQ(other.end(), GuardEnd::kAllStreams);
    EXPECT_EQ(shared.streams.open(), 3);
  }
  EXPECT_EQ(shared.streams.open(), 2);
}

TEST_F(Http2GuardTest, SaysWhenARequestIsLate) {
  const auto half = frame({.type = http2::kData, .stream = 1}, "half");
  EXPECT_EQ(said(kHello + call(1) + half + call(3) + call(5)), std::nullopt);
  EXPECT_FALSE(guard_.has_late_request(limits::kGrpcRequestWithin - 1s));
  EXPECT_TRUE(guard_.has_late_request(limits::kGrpcRequestWithin));
  EXPECT_EQ(said(reset(1)), std::nullopt);
  EXPECT_EQ(said(frame({.type = http2::kData, .flags = http2::kEndStream, .stream = 3}, "rest")),
            std::nullopt);
  EXPECT_TRUE(guard_.has_late_request(limits::kGrpcRequestWithin));
  guard_.on_server(
      frame({.type = http2::kHeaders, .flags = http2::kEndHeaders, .stream = 5}, "answer"));
  EXPECT_FALSE(guard_.has_late_request(limits::kGrpcRequestWithin));
  EXPECT_EQ(guard_.open_streams(), 2);
}

TEST_F(Http2GuardTest, BoundsAHeaderBlockInBytes) {
  const std::string part(limits::kGrpcHeaderBlockBytesMax / 4, 'x');
  EXPECT_EQ(said(kHello + frame({.type = http2::kHeaders, .stream = 1}, part)), std::nullopt);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(said(frame({.type = http2::kContinuation, .stream = 1}, part)), std::nullopt);
  EXPECT_EQ(said(frame({.type = http2::kContinuation, .stream = 1}, "x")), GuardEnd::kHeaderBlock);
  // At its head: before any of it came.
  std::string huge;
  http2::append_head(huge, {.length = 0xffffff, .type = http2::kHeaders, .stream = 1});
  EXPECT_EQ(after_hello(huge), GuardEnd::kHeaderBlock);
}

TEST_F(Http2GuardTest, BoundsAHeaderBlockInFrames) {
  std::string bytes = kHello + frame({.type = http2::kHeaders, .stream = 1});
  for (std::size_t i = 1; i < limits::kGrpcHeaderBlockFramesMax; ++i)
    bytes += frame({.type = http2::kContinuation, .stream = 1});
  EXPECT_EQ(said(bytes), std::nullopt);
  EXPECT_EQ(said(frame({.type = http2::kContinuation, .stream = 1})), GuardEnd::kHeaderBlock);
}

TEST_F(Http2GuardTest, ReadsSlowerWhoResetsMuch) {
  std::string bytes = kHello;
  std::uint32_t stream = 1;
  for (std::uint64_t i = 0; i < 3 * limits::kGrpcPacedFramesPerSecond; ++i, stream += 2)
    bytes += call(stream) + reset(stream);
  EXPECT_EQ(said(bytes), std::nullopt);
  EXPECT_TRUE(guard_.must_wait(0s));
  const std::size_t at_once = passed_;
  EXPECT_LT(at_once, bytes.size() / 3 + 100);
  EXPECT_FALSE(guard_.must_wait(1s));
  std::size_t all = at_once;
  for (auto now = 1s; all < bytes.size(); ++now) {
    ASSERT_LT(now, 5s);
    all += guard_.on_client(std::string_view(bytes).substr(all), now);
  }
  EXPECT_EQ(guard_.end(), std::nullopt);
  EXPECT_EQ(guard_.open_streams(), 0);
}

TEST_F(Http2GuardTest, LetsWhoResetsWaitForTheOthersButNotForEver) {
  EXPECT_EQ(said(kHello + call(1) + call(3) + reset(1)), std::nullopt);
  EXPECT_FALSE(guard_.must_wait(0s));
  for (std::uint64_t i = 1; i <= limits::kGrpcResetsPerSecond; ++i) shared_.resets.take(0s);
  EXPECT_EQ(said(call(5)), std::nullopt);
  EXPECT_FALSE(guard_.must_wait(0s)) << "it has reset nothing meanwhile";
  const std::string bytes = reset(3) + call(7);
  EXPECT_EQ(said(bytes), std::nullopt);
  EXPECT_LT(passed_, bytes.size());
  EXPECT_TRUE(guard_.must_wait(0s));
  EXPECT_FALSE(guard_.must_wait(100ms)) << "the bucket has filled a little";
  EXPECT_EQ(said(bytes.substr(passed_)), std::nullopt);
  for (auto now = 0ms; now < limits::kGrpcResetWaitMax; now += 1ms) {
    for (int i = 0; i < 10; ++i) shared_.resets.take(now);
    if (now == 500ms) {
      EXPECT_EQ(guard_.on_client(reset(5), now), reset(1).size() - 4);
    }
    EXPECT_EQ(guard_.must_wait(now), now >= 500ms) << now.count();
  }
  EXPECT_TRUE(guard_.must_wait(500ms + limits::kGrpcResetWaitMax - 1ms));
  EXPECT_FALSE(guard_.must_wait(500ms + limits::kGrpcResetWaitMax));
}

TEST(ResetPace, HoldsASecondsWorthAndAsMuchDebt) {
  ResetPace pace(10);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(pace.is_spent(100s));
    pace.take(100s);
  }
  EXPECT_FALSE(pace.is_spent(100s));
  pace.take(100s);
  EXPECT_TRUE(pace.is_spent(100s));
  EXPECT_FALSE(pace.is_spent(100s + 100ms));
  for (int i = 0; i < 1000; ++i) pace.take(101s);
  EXPECT_TRUE(pace.is_spent(102s - 1ms));
  EXPECT_FALSE(pace.is_spent(102s));
}

TEST_F(Http2GuardTest, DoesNotPaceAnswersAndMessages) {
  std::string bytes = kHello + call(1);
  for (std::uint64_t i = 0; i < 3 * limits::kGrpcPacedFramesPerSecond; ++i) {
    bytes += frame({.type = http2::kPing, .flags = http2::kAck}, "8 bytes!") +
             frame({.type = http2::kData, .stream = 1}, "message") +
             frame({.type = http2::kWindowUpdate}, "1234");
  }
  EXPECT_EQ(said(bytes), std::nullopt);
  EXPECT_EQ(passed_, bytes.size());
}

TEST_F(Http2GuardTest, EndsWhatHttp2HasNoPlaceFor) {
  const std::string open_block = frame({.type = http2::kHeaders, .stream = 1}, "x");
  for (const std::string& bytes :
       {call(2), call(0), frame({.type = http2::kData}, "x"),
        frame({.type = http2::kData, .stream = 1}, "x"), reset(1), reset(0),
        frame({.type = http2::kWindowUpdate, .stream = 1}, "1234"),
        frame({.type = http2::kContinuation, .stream = 1}, "x"),
        frame({.type = http2::kSettings, .stream = 1}),
        frame({.type = http2::kPing, .stream = 1}, "8 bytes!"),
        frame({.type = http2::kGoaway, .stream = 1}, "8 bytes!"),
        frame({.type = http2::kPriority}, "12345"),
        frame({.type = http2::kPushPromise, .stream = 1}, "x"), open_block + call(3),
        open_block + frame({.type = http2::kData, .stream = 1}, "x"),
        open_block + frame({.type = http2::kContinuation, .stream = 3}, "x"),
        open_block + frame({.type = 77, .stream = 1}, "x")}) {
    EXPECT_EQ(after_hello(bytes), GuardEnd::kProtocol) << ::testing::PrintToString(bytes);
  }
  for (const std::string& bytes :
       {frame({.type = http2::kPriority, .stream = 7}, "12345"), frame({.type = 77}, "new"),
        frame({.type = http2::kGoaway}, "8 bytes!"),
        open_block +
            frame({.type = http2::kContinuation, .flags = http2::kEndHeaders, .stream = 1}, "x") +
            call(3)}) {
    EXPECT_EQ(after_hello(bytes), std::nullopt) << ::testing::PrintToString(bytes);
  }
}

TEST_F(Http2GuardTest, SaysGoodbyeBetweenTheServersFrames) {
  EXPECT_EQ(said(kHello + call(5) + call(2)), GuardEnd::kProtocol);
  const std::string goaway =
      frame({.type = http2::kGoaway}, std::string("\0\0\0\5\0\0\0\1", 8) + "protocol");
  EXPECT_EQ(guard_.goodbye(*guard_.end()), frame({.type = http2::kSettings}) + goaway);
  const std::string settings = frame({.type = http2::kSettings}, "123456");
  guard_.on_server(settings.substr(0, 4));
  EXPECT_FALSE(guard_.is_server_between_frames());
  const std::string rest = settings.substr(4) + end_of(5);
  EXPECT_EQ(guard_.rest_of_server_frame(rest), settings.size() - 4);
  EXPECT_TRUE(guard_.is_server_between_frames());
  EXPECT_EQ(guard_.goodbye(*guard_.end()), goaway);
  EXPECT_EQ(http2_refusal("full"),
            frame({.type = http2::kSettings}) +
                frame({.type = http2::kGoaway}, std::string("\0\0\0\0\0\0\0\x0b", 8) + "full"));
}

// Whatever comes, however it is cut, is judged the same, and no more is open than may be.
TEST_F(Http2GuardTest, JudgesTheSameHoweverItIsCut) {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    std::minstd_rand random(seed);
    const auto below = [&](std::uint32_t bound) { return std::uint32_t(random() % bound); };
    std::string bytes = kHello;
    for (std::uint32_t i = 0; i < 400; ++i) {
      const std::string payload(below(30), 'x');
      const bool strange = below(100) == 0;
      const std::uint32_t stream = 1 + 2 * below(1 + i);
      if (strange) {
        bytes += frame({.type = static_cast<std::uint8_t>(below(12)),
                        .flags = static_cast<std::uint8_t>(below(256)),
                        .stream = below(50)},
                       payload);
      } else {
        bytes += below(3) == 0 ? reset(1) : call(stream);
      }
    }
    GuardsShared shared{.streams = StreamBudget(1000)};
    Http2Guard whole(shared, 0s);
    const std::size_t all = whole.on_client(bytes, 0s);
    Http2Guard cut(shared, 0s);
    std::size_t at = 0;
    while (at < all) {
      const std::size_t size = std::min<std::size_t>(1 + below(20), all - at);
      const std::size_t passed = cut.on_client(std::string_view(bytes).substr(at, size), 0s);
      at += passed;
      if (passed < size) break;
    }
    EXPECT_EQ(at, all);
    EXPECT_EQ(cut.end(), whole.end());
    EXPECT_EQ(cut.last_stream(), whole.last_stream());
    EXPECT_EQ(cut.open_streams(), whole.open_streams());
    EXPECT_LE(whole.open_streams(), limits::kGrpcStreamsMax);
    EXPECT_EQ(shared.streams.open(), whole.open_streams() + cut.open_streams());
  }
}

}  // namespace
}  // namespace bimip::frontend
