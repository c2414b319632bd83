// Durations and sizes as people write them: "30s", "64MiB".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bimip::frontend {

// "250ms", "5s", "2m", "1h", "7d". Nothing for other texts.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
// "4096", "512KB" (1000 each), "64MiB" (1024 each). Nothing for other texts.
[[nodiscard]] std::optional<std::uint64_t> parse_bytes(std::string_view text);
// "4096", digits alone. Nothing for other texts.
[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view text);

// In the largest unit that tells it exactly; what the functions above read back.
[[nodiscard]] std::string duration_text(std::chrono::milliseconds duration);
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

}  // namespace bimip::frontend
