#include "frontend/config/units.h"

#include <array>
#include <charconv>
#include <span>

namespace bimip::frontend {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t worth;
};

constexpr std::array<Unit, 5> kDurations{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 5> kSizes{
    {{"", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}, {"TiB", 1ULL << 40}}};
constexpr std::array<Unit, 4> kDecimalSizes{
    {{"B", 1}, {"KB", 1000}, {"MB", 1'000'000}, {"GB", 1'000'000'000}}};

// A whole number and a unit behind it.
std::optional<std::uint64_t> parse_amount(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    if (number > UINT64_MAX / 2 / unit.worth) return std::nullopt;
    return number * unit.worth;
  }
  return std::nullopt;
}

std::string amount_text(std::uint64_t amount, std::span<const Unit> units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (amount > 0 && amount % unit.worth == 0) best = &unit;
  }
  return std::to_string(amount / best->worth) + std::string(best->name);
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto amount = parse_amount(text, kDurations);
  if (!amount) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(*amount));
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const auto binary = parse_amount(text, kSizes);
  return binary ? binary : parse_amount(text, kDecimalSizes);
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
  return parse_amount(text, std::span(kSizes).first(1));
}

std::string duration_text(std::chrono::milliseconds duration) {
  return amount_text(static_cast<std::uint64_t>(duration.count()), kDurations);
}

std::string bytes_text(std::uint64_t bytes) { return amount_text(bytes, kSizes); }

}  // namespace bimip::frontend
