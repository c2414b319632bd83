// What people write for sizes, durations, places in a topic.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <variant>

#include "engine/base/result.h"

namespace bimip::tools {

// "4096", "64KiB", "64MiB", "1GiB". kInvalidArgument.
[[nodiscard]] engine::Result<std::uint64_t> parse_bytes(std::string_view text);
// "500ms", "30s", "5m", "2h", "7d". kInvalidArgument.
[[nodiscard]] engine::Result<std::chrono::milliseconds> parse_duration(std::string_view text);

struct FromEarliest {};
struct FromLatest {};
struct FromOffset {
  std::uint64_t offset = 0;
};
struct FromTime {
  engine::Timestamp time{};
};
struct FromLast {
  std::uint64_t records = 0;
};
using From = std::variant<FromEarliest, FromLatest, FromOffset, FromTime, FromLast>;

// "earliest", "latest", "1234" (an offset), "last:10", "2026-11-23T20:29:17.5Z" or with "+02:00",
// "-5m" (five minutes before now). kInvalidArgument.
[[nodiscard]] engine::Result<From> parse_from(std::string_view text, engine::Timestamp now);

}  // namespace bimip::tools
