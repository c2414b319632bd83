#include "frontend/config/units.h"

#include <gtest/gtest.h>

namespace bimip::frontend {
namespace {

using namespace std::chrono_literals;

TEST(Units, ReadWhatTheyWrite) {
  for (const std::chrono::milliseconds time : {0ms, 1ms, 1500ms, 60'000ms, 7 * 86'400'000ms})
    EXPECT_EQ(parse_duration(duration_text(time)), time);
  for (const std::uint64_t bytes : {0ULL, 1ULL, 1000ULL, 1024ULL, 3ULL << 20, 5ULL << 40})
    EXPECT_EQ(parse_bytes(bytes_text(bytes)), bytes);
}

TEST(Units, ChooseTheLargestUnitThatTellsIt) {
  EXPECT_EQ(duration_text(90s), "90s");
  EXPECT_EQ(duration_text(120s), "2m");
  EXPECT_EQ(bytes_text(512 * 1024), "512KiB");
  EXPECT_EQ(bytes_text(1025), "1025");
}

TEST(Units, AreNoneWithoutANumberOrWithAnotherUnit) {
  for (const std::string_view text : {"", "s", "-1s", "1", "1 s", "1x", "99999999999999999999s"})
    EXPECT_FALSE(parse_duration(text)) << text;
  for (const std::string_view text : {"", "MiB", "1.5MiB", "-1", "1mib", "20000000000TiB"})
    EXPECT_FALSE(parse_bytes(text)) << text;
  EXPECT_FALSE(parse_count("12KB"));
  EXPECT_EQ(parse_bytes("12KB"), 12'000U);
}

}  // namespace
}  // namespace bimip::frontend
