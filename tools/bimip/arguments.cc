#include "tools/bimip/arguments.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "tools/log/text.h"

namespace bimip::tools {

using engine::ErrorCode;
using engine::Result;
using engine::Timestamp;

namespace {

auto wrong(std::string_view text, std::string_view what) {
  return engine::fail(ErrorCode::kInvalidArgument,
                      "'" + std::string(text) + "' is no " + std::string(what));
}

struct Quantity {
  std::uint64_t number = 0;
  std::string_view unit{};
};

std::optional<Quantity> parse_quantity(std::string_view text) {
  Quantity quantity;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, quantity.number);
  if (error != std::errc()) return std::nullopt;
  quantity.unit = {rest, static_cast<std::size_t>(end - rest)};
  return quantity;
}

template <std::size_t N>
std::optional<std::uint64_t> scaled(
    std::string_view text, const std::array<std::pair<std::string_view, std::uint64_t>, N>& units,
    std::uint64_t most) {
  const std::optional<Quantity> quantity = parse_quantity(text);
  if (!quantity) return std::nullopt;
  for (const auto& [name, factor] : units) {
    if (quantity->unit != name) continue;
    if (quantity->number > most / factor) return std::nullopt;
    return quantity->number * factor;
  }
  return std::nullopt;
}

// Takes "+02:00" off the end of a time of day.
std::chrono::minutes take_zone(std::string_view& text) {
  constexpr std::size_t kZoneBytes = 6;
  const std::size_t time_of_day = text.find_first_of("T ");
  if (time_of_day == std::string_view::npos || text.size() < time_of_day + 1 + kZoneBytes)
    return {};
  const std::string_view zone = text.substr(text.size() - kZoneBytes);
  const auto is_digit = [&](std::size_t i) { return zone[i] >= '0' && zone[i] <= '9'; };
  if ((zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return {};
  if (!is_digit(1) || !is_digit(2) || !is_digit(4) || !is_digit(5)) return {};
  text.remove_suffix(kZoneBytes);
  const int hours = (zone[1] - '0') * 10 + (zone[2] - '0');
  const int minutes = (zone[4] - '0') * 10 + (zone[5] - '0');
  return std::chrono::minutes((zone[0] == '-' ? -1 : 1) * (hours * 60 + minutes));
}

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 5> kUnits{
      {{"", 1}, {"B", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}}};
  const auto bytes = scaled(text, kUnits, std::numeric_limits<std::uint64_t>::max());
  if (!bytes) return wrong(text, "size; write 4096, 64KiB, 64MiB or 1GiB");
  return *bytes;
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 5> kUnits{
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  constexpr std::uint64_t kMost = 100ULL * 366 * 86'400'000;
  const auto count = scaled(text, kUnits, kMost);
  if (!count) return wrong(text, "duration; write 500ms, 30s, 5m, 2h or 7d");
  return std::chrono::milliseconds(*count);
}

Result<From> parse_from(std::string_view text, Timestamp now) {
  if (text == "earliest") return FromEarliest{};
  if (text == "latest") return FromLatest{};
  if (text.starts_with("last:")) {
    const std::optional<Quantity> records = parse_quantity(text.substr(5));
    if (!records || !records->unit.empty()) return wrong(text, "last:NUMBER");
    return FromLast{records->number};
  }
  if (const std::optional<Quantity> offset = parse_quantity(text); offset && offset->unit.empty()) {
    return FromOffset{offset->number};
  }
  if (text.starts_with('-')) {
    const Result<std::chrono::milliseconds> ago = parse_duration(text.substr(1));
    if (!ago) return std::unexpected(ago.error());
    return FromTime{now - *ago};
  }
  std::string_view local = text;
  const std::chrono::minutes zone = take_zone(local);
  const Result<Timestamp> time = log_tools::parse_time(local);
  if (!time) {
    return wrong(text,
                 "place to start; write earliest, latest, last:10, an offset, "
                 "2026-11-23T20:29:17Z or -5m");
  }
  return FromTime{*time - zone};
}

}  // namespace bimip::tools
