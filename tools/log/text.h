// How the offline tools write numbers, times and bytes for people and for programs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/log/words.h"

namespace bimip::log_tools {

// "2026-11-23T20:29:17.123456Z".
[[nodiscard]] std::string time_text(Timestamp time);
// The same, or only its front ("2026-11-23", "2026-11-23T20:29", ...), or seconds since 1970.
// kInvalidArgument.
[[nodiscard]] Result<Timestamp> parse_time(std::string_view text);
// "12.3 MiB".
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
// "1 block", "2 blocks".
[[nodiscard]] std::string count_text(std::uint64_t count, std::string_view of_what);
// "[12, 40)"; "-" when empty.
[[nodiscard]] std::string range_text(const OffsetRange& range);
// 32 hexadecimal digits.
[[nodiscard]] std::string id_text(std::uint64_t high, std::uint64_t low);
[[nodiscard]] std::optional<Hash128> parse_id(std::string_view digits);

[[nodiscard]] bool is_utf8(Bytes bytes);
[[nodiscard]] std::string base64(Bytes bytes);
// Nothing when it is none.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);
// On one line: control characters, backslashes and what is not UTF-8 as \n, \t, \\, \xNN.
[[nodiscard]] std::string escaped(Bytes bytes);

// Columns as wide as their widest cell, two spaces between them; the first row is the heading.
class TextTable {
 public:
  enum class Align : std::uint8_t { kLeft, kRight };
  explicit TextTable(std::vector<Align> columns) : columns_(std::move(columns)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace bimip::log_tools
