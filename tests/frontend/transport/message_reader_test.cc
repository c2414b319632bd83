#include "frontend/transport/websocket/message_reader.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "engine/base/random.h"
#include "tests/frontend/transport/client_frames.h"

namespace bimip::frontend {
namespace {

using enum WebSocketOpcode;
using bimip::testing::client_frame;
using bimip::testing::ClientFrame;

struct Message {
  WebSocketOpcode opcode;
  std::string payload;
  friend bool operator==(const Message&, const Message&) = default;
};
using Messages = std::vector<Message>;

constexpr std::size_t kLimit = 100'000;

std::expected<Messages, WebSocketProblem> read(std::string stream, std::size_t step = 1'000'000) {
  MessageReader reader(kLimit);
  Messages messages;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    auto fed = reader.feed(
        std::span(stream).subspan(at).first(std::min(step, stream.size() - at)),
        [&](const MessageReader::Message& message) {
          messages.push_back(
              {.opcode = message.opcode, .payload = std::string(engine::as_text(message.payload))});
          return true;
        });
    if (!fed) return std::unexpected(fed.error());
  }
  return messages;
}

TEST(MessageReader, ReadsMessagesOfEveryLengthForm) {
  std::string stream;
  Messages expected;
  for (const std::size_t size : {0UL, 1UL, 125UL, 126UL, 65'535UL, 65'536UL, kLimit}) {
    expected.push_back({.opcode = kBinary, .payload = std::string(size, 'x')});
    stream += client_frame({.payload = expected.back().payload});
  }
  for (const std::size_t step : {1UL, 3UL, 1000UL, 10'000'000UL})
    EXPECT_EQ(read(stream, step), expected);
}

TEST(MessageReader, JoinsFragmentsAndLetsControlFramesPassInBetween) {
  const std::string stream =
      client_frame({.opcode = kText, .payload = "one ", .final = false}) +
      client_frame({.opcode = kPing, .payload = "are you there"}) +
      client_frame({.opcode = kContinuation, .payload = "", .final = false}) +
      client_frame({.opcode = kContinuation, .payload = "two", .final = true}) +
      client_frame({.opcode = kBinary, .payload = "\xFF"});
  const Messages expected{{.opcode = kPing, .payload = "are you there"},
                          {.opcode = kText, .payload = "one two"},
                          {.opcode = kBinary, .payload = "\xFF"}};
  for (const std::size_t step : {1UL, 2UL, 7UL, 1000UL}) EXPECT_EQ(read(stream, step), expected);
}

TEST(MessageReader, RefusesWhatIsNoWebSocket) {
  std::string unmasked;
  append_websocket_header(unmasked, kBinary, 3);
  unmasked += "abc";
  std::string reserved = client_frame({.payload = "abc"});
  reserved[0] = static_cast<char>(reserved[0] | 0x40);
  std::string unknown = client_frame({.payload = "abc"});
  unknown[0] = static_cast<char>(0x83);
  const std::string long_ping = client_frame({.opcode = kPing, .payload = std::string(126, 'x')});
  const std::string cut_ping = client_frame({.opcode = kPing, .payload = "x", .final = false});
  const std::string orphan = client_frame({.opcode = kContinuation, .payload = "x"});
  const std::string two_begins =
      client_frame({.payload = "x", .final = false}) + client_frame({.payload = "y"});
  for (const std::string& stream :
       {unmasked, reserved, unknown, long_ping, cut_ping, orphan, two_begins}) {
    EXPECT_EQ(read(stream).error(), WebSocketProblem::kProtocol);
    EXPECT_EQ(read(stream, 1).error(), WebSocketProblem::kProtocol);
  }
}

TEST(MessageReader, RefusesALengthInMoreBytesThanItNeeds) {
  using namespace std::string_literals;
  const std::string tail = "\0\0\0\0xxxxx"s;
  EXPECT_EQ(read("\x82\xFE\x00\x05"s + tail).error(), WebSocketProblem::kProtocol);
  EXPECT_EQ(read("\x82\xFF\0\0\0\0\0\0\xFF\xFF"s + tail).error(), WebSocketProblem::kProtocol);
  EXPECT_EQ(read("\x82\xFF\x80\0\0\0\0\1\0\0"s + tail).error(), WebSocketProblem::kProtocol);
}

TEST(MessageReader, RefusesAMessageAboveTheLimitFromItsLengthAlone) {
  using namespace std::string_literals;
  EXPECT_EQ(read("\x82\xFF\x0F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0"s).error(),
            WebSocketProblem::kTooLarge);
  EXPECT_EQ(read(client_frame({.payload = std::string(kLimit, 'x'), .final = false}) +
                 client_frame({.opcode = kContinuation, .payload = "y"}))
                .error(),
            WebSocketProblem::kTooLarge);
}

TEST(MessageReader, HoldsNoMoreThanWasSentAndNothingBetweenMessages) {
  MessageReader reader(100'000'000);
  std::string start = client_frame({.payload = std::string(50'000'000, 'x')}).substr(0, 30);
  const auto visit = [](const MessageReader::Message&) { return true; };
  ASSERT_TRUE(reader.feed(start, visit).has_value());
  EXPECT_LT(reader.held_bytes(), 256U);
  MessageReader second(kLimit);
  std::string whole = client_frame({.payload = std::string(90'000, 'x')});
  ASSERT_TRUE(second.feed(std::span(whole).first(50'000), visit).has_value());
  ASSERT_TRUE(second.feed(std::span(whole).subspan(50'000), visit).has_value());
  EXPECT_LT(second.held_bytes(), 512U);
}

TEST(MessageReader, TellsTextFromOtherBytes) {
  const auto text = [](std::string_view payload) {
    return read(client_frame({.opcode = kText, .payload = payload}));
  };
  for (const std::string_view good :
       {"", "plain ascii of some length", "\xC3\xA4", "\xE2\x82\xAC", "\xED\x9F\xBF",
        "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "12345678\xC3\xA4 9"})
    EXPECT_TRUE(text(good).has_value()) << good;
  for (const std::string_view bad :
       {"\x80", "\xC3", "\xC0\xAF", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "12345678\xFF", "\xC3\xC3\xA4"})
    EXPECT_EQ(text(bad).error(), WebSocketProblem::kNotText) << bad;
}

TEST(MessageReader, TakesASequenceThatFragmentsCutInTwo) {
  const auto messages = read(client_frame({.opcode = kText, .payload = "\xE2", .final = false}) +
                             client_frame({.opcode = kContinuation, .payload = "\x82\xAC"}));
  ASSERT_TRUE(messages.has_value());
  EXPECT_EQ(messages->front().payload, "\xE2\x82\xAC");
}

TEST(MessageReader, ChecksWhatACloseSays) {
  const auto close = [](std::string_view payload) {
    return read(client_frame({.opcode = kClose, .payload = payload}));
  };
  for (const std::string_view good : {"", "\x03\xE8", "\x03\xE8 bye", "\x0F\xA0", "\x13\x87"})
    EXPECT_TRUE(close(good).has_value());
  for (const std::string_view bad :
       {"\x03", "\x03\xE7", "\x03\xED", "\x03\xEE", "\x03\xF7", "\x0B\xB7", "\x13\x88"})
    EXPECT_EQ(close(bad).error(), WebSocketProblem::kProtocol);
  EXPECT_EQ(close("\x03\xE8\xFF").error(), WebSocketProblem::kNotText);
}

// Random messages in random fragments with control frames in between, cut into random pieces, come
// out as they went in. BIMIP_TEST_SEED=N begins elsewhere.
struct Sent {
  std::string stream;
  Messages messages;
};

std::string random_text(engine::Random& random, std::size_t most) {
  std::string text(random.below(most + 1), '\0');
  for (char& c : text) c = static_cast<char>(random.below(128));
  return text;
}

void send_control(engine::Random& random, Sent& sent) {
  const Message control{.opcode = random.one_in(2) ? kPing : kPong,
                        .payload = random_text(random, 125)};
  sent.stream += client_frame({.opcode = control.opcode,
                               .payload = control.payload,
                               .mask = static_cast<std::uint32_t>(random.below(1ULL << 32))});
  sent.messages.push_back(control);
}

void send_message(engine::Random& random, Sent& sent) {
  const Message message{.opcode = random.one_in(2) ? kText : kBinary,
                        .payload = random_text(random, random.one_in(4) ? 70'000 : 300)};
  std::string_view rest = message.payload;
  WebSocketOpcode opcode = message.opcode;
  while (true) {
    const bool last = random.one_in(3);
    const std::string_view part = last ? rest : rest.substr(0, random.below(rest.size() + 1));
    rest.remove_prefix(part.size());
    sent.stream += client_frame({.opcode = opcode,
                                 .payload = part,
                                 .final = last,
                                 .mask = static_cast<std::uint32_t>(random.below(1ULL << 32))});
    if (last) break;
    opcode = kContinuation;
    if (random.one_in(3)) send_control(random, sent);
  }
  sent.messages.push_back(message);
}

TEST(MessageReader, ReadsWhateverAClientMayWriteHoweverItIsCut) {
  const char* chosen = std::getenv("BIMIP_TEST_SEED");
  const std::uint64_t first = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 1;
  for (std::uint64_t seed = first; seed < first + 300; ++seed) {
    SCOPED_TRACE("repeat with BIMIP_TEST_SEED=" + std::to_string(seed));
    engine::Random random(seed);
    Sent sent;
    for (std::uint64_t i = random.below(6); i-- > 0;) send_message(random, sent);
    const std::size_t step = 1 + random.below(random.one_in(2) ? 10 : 100'000);
    const auto got = read(sent.stream, step);
    ASSERT_TRUE(got.has_value());
    ASSERT_EQ(*got, sent.messages);
  }
}

TEST(Mask, IsTheSameHoweverTheBytesAreCut) {
  const std::array<std::uint8_t, 4> mask{1, 2, 4, 8};
  std::string whole(100, '\0');
  apply_mask(whole, mask, 0);
  for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_EQ(whole[i], mask[i % 4]);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    std::string parts(100, '\0');
    apply_mask(std::span(parts).first(cut), mask, 0);
    apply_mask(std::span(parts).subspan(cut), mask, cut);
    ASSERT_EQ(parts, whole) << cut;
  }
}

}  // namespace
}  // namespace bimip::frontend
