#include "engine/base/hash.h"

#include <gtest/gtest.h>

namespace bimip::engine {
namespace {

constexpr std::uint64_t kSeed = 0x9E3779B185EBCA8DULL;

struct Vector {
  std::size_t length;
  std::uint64_t hash64;
  std::uint64_t hash64_seeded;
  Hash128 hash128;
  Hash128 hash128_seeded;
};

// The values and the generated input of xxHash 0.8's own sanity test, one for each path through the
// algorithm.
constexpr Vector kVectors[] = {
    {0,
     0x2D06800538D394C2,
     0xA8A6B918B2F0364A,
     {.high = 0x99AA06D3014798D8, .low = 0x6001C324468D497F},
     {.high = 0x00FEAA732A3CE25E, .low = 0xA986DFC5D7605BFE}},
    {1,
     0xC44BDFF4074EECDB,
     0x032BE332DD766EF8,
     {.high = 0xA6CD5E9392000F6A, .low = 0xC44BDFF4074EECDB},
     {.high = 0x20E49ABCC53B3842, .low = 0x032BE332DD766EF8}},
    {6,
     0x27B56A84CD2D7325,
     0x84589C116AB59AB9,
     {.high = 0x082AFE0B8162D12A, .low = 0x3E7039BDDA43CFC6},
     {.high = 0x014BD95A51CA5DDB, .low = 0xC5B54D56038E4E40}},
    {12,
     0xA713DAF0DFBB77E7,
     0xE7303E1B2336DE0E,
     {.high = 0x6E3EFD8FC7802B18, .low = 0x061A192713F69AD9},
     {.high = 0xFF0D60ACD02ED401, .low = 0x5D92B5D7190B12D1}},
    {80,
     0xBCDEFBBB2C47C90A,
     0xC6DD0CB699532E73,
     {.high = 0xFDF2CEFDE9EAAC8A, .low = 0x454AE6BF7A8A532D},
     {.high = 0x19BF02D69BC56833, .low = 0xA5EAC764D1FF1166}},
    {195,
     0xCD94217EE362EC3A,
     0xBA68003D370CB3D9,
     {.high = 0x7729543A26B207EE, .low = 0x3FB593C086A66075},
     {.high = 0x0326104C4D4849E7, .low = 0xCF9D9EC2C8C9913F}},
    {2367,
     0xCB37AEB9E5D361ED,
     0xD2DB3415B942B42A,
     {.high = 0xE89C0F6FF369B427, .low = 0xCB37AEB9E5D361ED},
     {.high = 0xCCB7A94CCA1A6496, .low = 0xD2DB3415B942B42A}},
};

std::vector<std::byte> input(std::size_t length) {
  std::vector<std::byte> bytes(length);
  std::uint64_t state = 2654435761U;
  for (std::byte& byte : bytes) {
    byte = static_cast<std::byte>(state >> 56U);
    state *= 0x9E3779B185EBCA8DULL;
  }
  return bytes;
}

TEST(Hash, IsXxh3) {
  for (const Vector& vector : kVectors) {
    SCOPED_TRACE(vector.length);
    const auto bytes = input(vector.length);
    EXPECT_EQ(xxh3_64(bytes), vector.hash64);
    EXPECT_EQ(xxh3_64(bytes, kSeed), vector.hash64_seeded);
    EXPECT_EQ(xxh3_128(bytes), vector.hash128);
    EXPECT_EQ(xxh3_128(bytes, kSeed), vector.hash128_seeded);
  }
}

}  // namespace
}  // namespace bimip::engine
