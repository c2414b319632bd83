#include "frontend/stanza/framing.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "bimip/v1/session_service.pb.h"
#include "bimip/v1/stanza.pb.h"

namespace bimip::frontend {
namespace {

using Frames = std::vector<std::string>;

std::string frame(std::string_view bytes) {
  std::string out;
  append_frame_header(out, bytes.size());
  return out.append(bytes);
}

std::expected<Frames, FrameProblem> read(std::string_view stream, std::size_t step,
                                         std::size_t frame_bytes_max = limits::kFrameBytesMax) {
  FrameReader reader(FrameReader::Begin::kWithPreface, frame_bytes_max);
  Frames frames;
  while (!stream.empty()) {
    const std::size_t count = std::min(step, stream.size());
    auto fed = reader.feed(engine::as_bytes(stream.substr(0, count)), [&](Bytes bytes) {
      frames.emplace_back(engine::as_text(bytes));
      return true;
    });
    if (!fed) return std::unexpected(fed.error());
    stream.remove_prefix(count);
  }
  return frames;
}

TEST(FrameReader, FindsTheSameFramesHoweverTheStreamIsCut) {
  Frames sent;
  std::string stream(kPreface);
  std::mt19937 random(7);
  for (const std::size_t bytes : {1UL, 3UL, 4UL, 255UL, 256UL, 257UL, 70'000UL, 1UL, 2UL}) {
    std::string content(bytes, '\0');
    for (char& c : content) c = static_cast<char>(random());
    stream += frame(content);
    sent.push_back(std::move(content));
  }
  for (const std::size_t step : {1UL, 2UL, 3UL, 5UL, 11UL, 12UL, 13UL, 300UL, 4096UL, 1UL << 20}) {
    const auto got = read(stream, step);
    ASSERT_TRUE(got.has_value()) << step;
    EXPECT_EQ(*got, sent) << step;
  }
}

TEST(FrameReader, RefusesAnotherProtocolAtItsFirstWrongByte) {
  EXPECT_EQ(read("G", 1).error(), FrameProblem::kNotOurPreface);
  EXPECT_EQ(read("GET / HTTP/1.1\r\n\r\n", 100).error(), FrameProblem::kNotOurPreface);
  EXPECT_EQ(read("BIMIQ", 1).error(), FrameProblem::kNotOurPreface);
  EXPECT_EQ(read(std::string_view("\0\0\0\0\0\0\0\0", 8), 8).error(), FrameProblem::kNotOurPreface);
}

TEST(FrameReader, RefusesAnotherVersion) {
  for (const std::size_t step : {1UL, 8UL}) {
    EXPECT_EQ(read(std::string_view("BIMIP\0\0\2", 8), step).error(), FrameProblem::kOtherVersion);
  }
}

TEST(FrameReader, RefusesAnEmptyFrame) {
  const std::string stream = std::string(kPreface) + std::string(4, '\0');
  for (const std::size_t step : {1UL, 100UL})
    EXPECT_EQ(read(stream, step).error(), FrameProblem::kEmptyFrame);
}

TEST(FrameReader, RefusesAFrameAboveTheLimitFromItsLengthAlone) {
  const std::string four_gib = std::string(kPreface) + "\xFF\xFF\xFF\xFF";
  for (const std::size_t step : {1UL, 100UL})
    EXPECT_EQ(read(four_gib, step).error(), FrameProblem::kFrameTooLarge);
  const std::string one_more = std::string(kPreface) + frame(std::string(101, 'x'));
  EXPECT_EQ(read(one_more, 1000, 100).error(), FrameProblem::kFrameTooLarge);
  EXPECT_TRUE(read(one_more, 1000, 101).has_value());
}

TEST(FrameReader, HoldsNoMoreThanWasSentOfAFrame) {
  FrameReader reader(FrameReader::Begin::kWithFrame);
  std::string start;
  append_frame_header(start, limits::kFrameBytesMax);
  start += "a few bytes";
  const auto visit = [](Bytes) { return true; };
  ASSERT_TRUE(reader.feed(engine::as_bytes(start), visit).has_value());
  EXPECT_LT(reader.held_bytes(), 256U);
}

TEST(FrameReader, HoldsNothingLargeBetweenFrames) {
  FrameReader reader(FrameReader::Begin::kWithFrame);
  const std::string large = frame(std::string(500'000, 'x'));
  const auto visit = [](Bytes) { return true; };
  ASSERT_TRUE(reader.feed(engine::as_bytes(large).first(1000), visit).has_value());
  ASSERT_TRUE(reader.feed(engine::as_bytes(large).subspan(1000), visit).has_value());
  EXPECT_LT(reader.held_bytes(), 512U);
}

TEST(Framing, CarriesAStanza) {
  v1::Stanza stanza;
  stanza.set_id(7);
  stanza.mutable_ping()->set_sent_at_us(1234);
  std::string stream(kPreface);
  append_frame(stream, stanza);
  const auto frames = read(stream, 3);
  ASSERT_TRUE(frames.has_value());
  ASSERT_EQ(frames->size(), 1U);
  v1::Stanza got;
  ASSERT_TRUE(got.ParseFromString(frames->front()));
  EXPECT_EQ(got.ping().sent_at_us(), 1234);
}

std::string header(std::size_t bytes, Framing framing) {
  std::string out;
  append_frame_header(out, bytes, framing);
  return out;
}

TEST(Framing, WritesTheShortestWebSocketHeader) {
  using namespace std::string_literals;
  EXPECT_EQ(header(1, Framing::kWebSocket), "\x82\x01"s);
  EXPECT_EQ(header(125, Framing::kWebSocket), "\x82\x7D"s);
  EXPECT_EQ(header(126, Framing::kWebSocket), "\x82\x7E\x00\x7E"s);
  EXPECT_EQ(header(65535, Framing::kWebSocket), "\x82\x7E\xFF\xFF"s);
  EXPECT_EQ(header(65536, Framing::kWebSocket), "\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00"s);
}

TEST(Framing, GathersStanzasIntoOneResponse) {
  std::string bytes;
  for (const std::uint64_t id : {1UL, 300UL}) {
    v1::Stanza stanza;
    stanza.set_id(id);
    stanza.mutable_goodbye()->set_message(std::string(id, 'x'));
    append_frame(bytes, stanza, Framing::kField);
  }
  v1::SessionResponse response;
  ASSERT_TRUE(response.ParseFromString(bytes));
  ASSERT_EQ(response.stanzas_size(), 2);
  EXPECT_EQ(response.stanzas(0).id(), 1U);
  EXPECT_EQ(response.stanzas(1).goodbye().message().size(), 300U);
}

}  // namespace
}  // namespace bimip::frontend
