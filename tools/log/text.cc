#include "tools/log/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace bimip::log_tools {
namespace {

using namespace std::chrono;  // NOLINT: calendars

constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t kHexDigits = 16;  // of 64 bits

template <typename... Args>
std::string print(const char* format, Args... args) {
  std::array<char, 96> text{};
  const int length = std::snprintf(text.data(), text.size(), format, args...);
  return {text.data(), static_cast<std::size_t>(std::max(length, 0))};
}

// Reads a number of exactly `digits` digits from the front.
bool take_number(std::string_view& text, std::size_t digits, int& value) {
  if (text.size() < digits) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc{} || end != text.data() + digits) return false;
  text.remove_prefix(digits);
  return true;
}
bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

// ".123456" at most.
microseconds take_fraction(std::string_view& text) {
  microseconds fraction{0};
  if (!take(text, '.')) return fraction;
  std::int64_t unit = 100'000;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    fraction += microseconds(unit * (text.front() - '0'));
    unit /= 10;
    text.remove_prefix(1);
  }
  return fraction;
}

std::optional<Timestamp> parse_calendar(std::string_view text) {
  int y = 0;
  int m = 0;
  int d = 0;
  if (!take_number(text, 4, y) || !take(text, '-') || !take_number(text, 2, m) ||
      !take(text, '-') || !take_number(text, 2, d))
    return std::nullopt;
  const year_month_day date{year(y), month(static_cast<unsigned>(m)),
                            day(static_cast<unsigned>(d))};
  if (!date.ok()) return std::nullopt;
  Timestamp time{sys_days(date)};
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (take(text, 'T') || take(text, ' ')) {
    if (!take_number(text, 2, hour) || !take(text, ':') || !take_number(text, 2, minute))
      return std::nullopt;
    if (take(text, ':') && !take_number(text, 2, second)) return std::nullopt;
    if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
    time += hours(hour) + minutes(minute) + seconds(second) + take_fraction(text);
    (void)take(text, 'Z');
  }
  if (!text.empty()) return std::nullopt;
  return time;
}

// Length of the UTF-8 character at the front; 0 when there is none.
std::size_t utf8_length(Bytes bytes) {
  const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[i]); };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || bytes.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0U) != 0x80U) return 0;
  }
  if (lead == 0xE0 && at(1) < 0xA0) return 0;  // longer than it need be
  if (lead == 0xED && at(1) > 0x9F) return 0;  // half of a pair
  if (lead == 0xF0 && at(1) < 0x90) return 0;
  if (lead == 0xF4 && at(1) > 0x8F) return 0;  // above U+10FFFF
  return length;
}

}  // namespace

std::string time_text(Timestamp time) {
  const auto day_start = floor<days>(time);
  const year_month_day date(day_start);
  const hh_mm_ss clock(time - day_start);
  return print("%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", static_cast<int>(date.year()),
               static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
               static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
               static_cast<int>(clock.seconds().count()),
               static_cast<int>(clock.subseconds().count()));
}

Result<Timestamp> parse_time(std::string_view text) {
  if (const std::optional<Timestamp> time = parse_calendar(text)) return *time;
  std::int64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error == std::errc{} && end == text.data() + text.size() && whole >= 0 &&
      whole < 253'402'300'800)
    return Timestamp(seconds(whole));
  return fail(ErrorCode::kInvalidArgument,
              "'" + std::string(text) +
                  "' is no time; write 2026-11-23, 2026-11-23T20:29:17.5Z (UTC) or seconds since "
                  "1970");
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return print(value < 100 ? "%.1f %s" : "%.0f %s", value, kUnits.at(unit));
}

std::string count_text(std::uint64_t count, std::string_view of_what) {
  return std::to_string(count) + " " + std::string(of_what) + (count == 1 ? "" : "s");
}

std::string range_text(const OffsetRange& range) {
  if (range.first == range.end) return "-";
  return "[" + std::to_string(range.first.value()) + ", " + std::to_string(range.end.value()) + ")";
}

std::string id_text(std::uint64_t high, std::uint64_t low) {
  return print("%016llx%016llx", static_cast<unsigned long long>(high),
               static_cast<unsigned long long>(low));
}

std::optional<Hash128> parse_id(std::string_view digits) {
  Hash128 id;
  if (digits.size() != 2 * kHexDigits) return std::nullopt;
  const char* middle = digits.data() + kHexDigits;
  const auto high = std::from_chars(digits.data(), middle, id.high, 16);
  const auto low = std::from_chars(middle, middle + kHexDigits, id.low, 16);
  if (high.ptr != middle || low.ptr != middle + kHexDigits) return std::nullopt;
  return id;
}

bool is_utf8(Bytes bytes) {
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    if (length == 0) return false;
    bytes = bytes.subspan(length);
  }
  return true;
}

std::string base64(Bytes bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    unsigned bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8U | (i < count ? std::to_integer<unsigned>(bytes[at + i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      out += i <= count ? kBase64Digits[bits >> (18U - 6U * static_cast<unsigned>(i)) & 63U] : '=';
  }
  return out;
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  unsigned bits = 0;
  std::size_t padding = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t digit = kBase64Digits.find(text[i]);
    const bool is_padding = text[i] == '=' && i + 2 >= text.size();
    if ((digit == std::string_view::npos || padding > 0) && !is_padding) return std::nullopt;
    padding += is_padding ? 1U : 0U;
    bits = bits << 6U | (is_padding ? 0U : static_cast<unsigned>(digit));
    if (i % 4 != 3) continue;
    for (std::size_t byte = 0; byte < 3 - padding; ++byte)
      out += static_cast<char>(bits >> (16U - 8U * static_cast<unsigned>(byte)) & 255U);
    bits = 0;
  }
  // What decodes to something is the only way to write it.
  if (base64(as_bytes(out)) != text) return std::nullopt;
  return out;
}

std::string escaped(Bytes bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const auto c = std::to_integer<unsigned>(bytes.front());
    std::size_t length = utf8_length(bytes);
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (length == 0 || c < 0x20 || c == 0x7F) {
      out += print("\\x%02x", c);
      length = 1;
    } else {
      out += as_text(bytes.first(length));
    }
    bytes = bytes.subspan(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string TextTable::text() const {
  std::vector<std::size_t> widths(columns_.size());
  for (const std::vector<std::string>& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const std::vector<std::string>& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - row[i].size(), ' ');
      if (i > 0) line += "  ";
      line += columns_[i] == Align::kRight ? space + row[i] : row[i] + space;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace bimip::log_tools
