// The server's own log: lines on standard error, for people or for programs. No token, key or
// message content goes into one.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/types.h"

namespace bimip::frontend {

enum class LogFormat : std::uint8_t { kText, kJson };
enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

[[nodiscard]] LogFormat log_format_of(std::string_view word);
[[nodiscard]] LogLevel log_level_of(std::string_view word);

struct LogField {
  std::string_view name;
  std::string value;
};

// Before other threads log. Until then it is text, from kInfo on.
void start_log(LogFormat format, LogLevel least);
// Thread-safe; a line is written whole.
void log_line(LogLevel level, std::string_view message,
              std::initializer_list<LogField> fields = {});

inline void log_info(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log_line(LogLevel::kInfo, message, fields);
}
inline void log_warning(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log_line(LogLevel::kWarning, message, fields);
}

// The line, without its end. Text: `TIME LEVEL MESSAGE name=value`, values quoted where they need
// it. JSON: one object. Whatever the values hold, it is one line.
[[nodiscard]] std::string log_text(LogFormat format, LogLevel level, engine::Timestamp time,
                                   std::string_view message, std::span<const LogField> fields);

}  // namespace bimip::frontend
