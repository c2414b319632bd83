#include "tests/engine/format/hex_dump.h"

#include <gtest/gtest.h>

#include "engine/base/random.h"

namespace bimip::testing {
namespace {

using engine::as_bytes;

TEST(HexDump, LooksAsHexdumpPrintsIt) {
  const std::string bytes = "Bimip, 16 bytes!" + std::string(48, '\0') + "\xFF";
  EXPECT_EQ(hex_dump(as_bytes(bytes)),
            "00000000  42 69 6d 69 70 2c 20 31  36 20 62 79 74 65 73 21  |Bimip, 16 bytes!|\n"
            "00000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
            "*\n"
            "00000040  ff                                                |.|\n"
            "00000041\n");
}

TEST(HexDump, IsReadBackAsItWas) {
  engine::Random random(5);
  for (std::size_t length = 0; length < 200; ++length) {
    std::vector<std::byte> bytes(length);
    for (std::byte& byte : bytes)
      byte = random.one_in(20) ? static_cast<std::byte>(random.next()) : std::byte{};
    const auto parsed = parse_hex_dump(hex_dump(bytes));
    ASSERT_TRUE(parsed) << parsed.error().message;
    ASSERT_EQ(*parsed, bytes) << length;
  }
}

TEST(HexDump, RefusesWhatIsNoDump) {
  EXPECT_FALSE(parse_hex_dump("00000000  4x\n00000001\n"));
  EXPECT_FALSE(parse_hex_dump("00000000  42\n00000002\n")) << "another length than it says";
  EXPECT_FALSE(parse_hex_dump("00000010  42\n00000011\n")) << "begins in the middle";
  EXPECT_FALSE(parse_hex_dump("hello\n"));
  EXPECT_FALSE(parse_hex_dump("00000000  42\n*\n00000040\n")) << "nothing to repeat";
}

}  // namespace
}  // namespace bimip::testing
