#include "engine/base/bytes.h"

#include <gtest/gtest.h>

namespace bimip::engine {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST(Bytes, IntegersLieLowestByteFirst) {
  std::vector<std::byte> out;
  ByteWriter writer(out);
  writer.write(std::uint8_t{0x01});
  writer.write(std::uint16_t{0x0302});
  writer.write(std::uint32_t{0x07060504});
  writer.write(std::uint64_t{0x0F0E0D0C0B0A0908});
  writer.write(std::int64_t{-2});
  EXPECT_EQ(out, bytes_of({1,  2,  3,  4,    5,    6,    7,    8,    9,    10,   11,  12,
                           13, 14, 15, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}));
}

TEST(Bytes, StoreAndLoadNeedNoAlignment) {
  std::array<std::byte, 9> raw{};
  store(raw.data() + 1, std::uint64_t{0x0102030405060708});
  EXPECT_EQ(raw[1], std::byte{8});
  EXPECT_EQ(load<std::uint64_t>(raw.data() + 1), 0x0102030405060708U);
  EXPECT_EQ(load<std::uint8_t>(raw.data()), 0U);
}

TEST(Bytes, TextIsItsBytes) {
  EXPECT_EQ(as_text(as_bytes("a\0b")), "a");
  EXPECT_EQ(as_text(as_bytes(std::string_view("a\0b", 3))), std::string_view("a\0b", 3));
  EXPECT_TRUE(as_bytes("").empty());
}

TEST(ByteReader, ReadsFromTheFrontAndCountsWhatIsLeft) {
  const auto bytes = bytes_of({1, 2, 3, 4, 5});
  ByteReader in(bytes);
  EXPECT_EQ(in.read<std::uint16_t>(), 0x0201);
  EXPECT_EQ(in.remaining(), 3U);
  EXPECT_EQ(in.read_bytes(2).data(), bytes.data() + 2);
  EXPECT_EQ(in.rest().size(), 1U);
  EXPECT_EQ(in.rest().front(), std::byte{5});
  EXPECT_TRUE(in.ok());
}

TEST(ByteReader, ReadsUpToTheVeryEnd) {
  const auto bytes = bytes_of({1, 0, 0, 0});
  ByteReader in(bytes);
  EXPECT_EQ(in.read<std::uint32_t>(), 1U);
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.remaining(), 0U);
  EXPECT_TRUE(in.read_bytes(0).empty());
  EXPECT_TRUE(in.ok());
}

TEST(ByteReader, StaysFailedAfterTheFirstReadPastTheEnd) {
  const auto bytes = bytes_of({1, 2, 3});
  ByteReader in(bytes);
  EXPECT_EQ(in.read<std::uint32_t>(), 0U);
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.remaining(), 0U);
  EXPECT_EQ(in.read<std::uint8_t>(), 0U) << "a byte that was there before the failure";
  EXPECT_TRUE(in.read_bytes(0).empty());
  EXPECT_FALSE(in.ok());
}

TEST(ByteReader, RefusesACountThatWouldWrapAround) {
  const auto bytes = bytes_of({1, 2, 3});
  ByteReader in(bytes);
  EXPECT_TRUE(in.read_bytes(static_cast<std::size_t>(-1)).empty());
  EXPECT_FALSE(in.ok());
}

}  // namespace
}  // namespace bimip::engine
