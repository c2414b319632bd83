#include "tests/engine/format/hex_dump.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

namespace bimip::testing {
namespace {

using engine::Bytes;

constexpr std::size_t kLineBytes = 16;

std::string hex(std::uint64_t value, std::size_t digits) {
  std::string text(digits, '0');
  for (std::size_t i = digits; i > 0; --i, value >>= 4U)
    text[i - 1] = "0123456789abcdef"[value & 15U];
  return text;
}

std::string dump_line(std::size_t position, Bytes line) {
  std::string values;
  std::string text;
  for (std::size_t i = 0; i < kLineBytes; ++i) {
    if (i == kLineBytes / 2) values += ' ';
    if (i >= line.size()) {
      values += "   ";
      continue;
    }
    const auto value = std::to_integer<unsigned>(line[i]);
    values += " " + hex(value, 2);
    text += value >= 0x20 && value < 0x7F ? static_cast<char>(value) : '.';
  }
  return hex(position, 8) + " " + values + "  |" + text + "|\n";
}

std::optional<std::size_t> parse_hex(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string hex_dump(Bytes bytes) {
  std::string dump;
  Bytes before;
  bool repeats = false;
  for (std::size_t at = 0; at < bytes.size(); at += kLineBytes) {
    const Bytes line = bytes.subspan(at, std::min(kLineBytes, bytes.size() - at));
    if (line.size() == kLineBytes && std::ranges::equal(line, before)) {
      if (!repeats) dump += "*\n";
      repeats = true;
      continue;
    }
    repeats = false;
    before = line;
    dump += dump_line(at, line);
  }
  return dump + hex(bytes.size(), 8) + "\n";
}

engine::Result<std::vector<std::byte>> parse_hex_dump(std::string_view dump) {
  std::vector<std::byte> bytes;
  std::istringstream lines{std::string(dump)};
  bool repeats = false;
  for (std::string line; std::getline(lines, line);) {
    const auto wrong = [&] {
      return engine::fail(engine::ErrorCode::kInvalidArgument, "not a line of a dump: " + line);
    };
    if (line == "*") {
      repeats = true;
      continue;
    }
    std::istringstream words(line.substr(0, line.find('|')));
    std::string word;
    if (!(words >> word)) return wrong();
    const std::optional<std::size_t> position = parse_hex(word);
    if (!position) return wrong();
    while (repeats && bytes.size() >= kLineBytes && bytes.size() < *position) {
      const std::vector<std::byte> again(bytes.end() - kLineBytes, bytes.end());
      bytes.insert(bytes.end(), again.begin(), again.end());
    }
    repeats = false;
    if (bytes.size() != *position) return wrong();
    while (words >> word) {
      const std::optional<std::size_t> value = parse_hex(word);
      if (!value || word.size() != 2) return wrong();
      bytes.push_back(static_cast<std::byte>(*value));
    }
  }
  return bytes;
}

}  // namespace bimip::testing
