#include "frontend/config/server_log.h"

#include <fmt/chrono.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>

#include "engine/base/clock.h"

namespace bimip::frontend {
namespace {

std::atomic<LogFormat> format_in_use{LogFormat::kText};
std::atomic<LogLevel> least_in_use{LogLevel::kInfo};

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "";
}

// Text as a JSON string, bytes that are no UTF-8 replaced.
std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string plain_or_json_string(std::string_view text, std::string_view special) {
  const bool plain = !text.empty() && std::ranges::all_of(text, [&](char c) {
    return c >= ' ' && c <= '~' && special.find(c) == std::string_view::npos;
  });
  return plain ? std::string(text) : json_string(text);
}

std::string time_text(engine::Timestamp time) {
  const auto millis = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(millis);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03d}Z", fmt::gmtime(seconds),
                     (millis - seconds).count());
}

spdlog::logger& sink() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = spdlog::stderr_logger_mt("bimipd");
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

}  // namespace

LogFormat log_format_of(std::string_view word) {
  return word == "json" ? LogFormat::kJson : LogFormat::kText;
}

LogLevel log_level_of(std::string_view word) {
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kWarning, LogLevel::kError}) {
    if (name_of(level) == word) return level;
  }
  return LogLevel::kInfo;
}

void start_log(LogFormat format, LogLevel least) {
  format_in_use = format;
  least_in_use = least;
}

void log_line(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (level < least_in_use.load(std::memory_order_relaxed)) return;
  sink().info(log_text(format_in_use.load(std::memory_order_relaxed), level,
                       engine::system_clock().now(), message, fields));
}

std::string log_text(LogFormat format, LogLevel level, engine::Timestamp time,
                     std::string_view message, std::span<const LogField> fields) {
  std::string line;
  if (format == LogFormat::kJson) {
    line = R"({"time":")" + time_text(time) + R"(","level":")" + std::string(name_of(level)) +
           R"(","message":)" + json_string(message);
    for (const LogField& field : fields)
      line += "," + json_string(field.name) + ":" + json_string(field.value);
    return line + "}";
  }
  line = time_text(time) + " " + std::string(name_of(level)) + " ";
  const bool breaks = std::ranges::any_of(message, [](char c) { return c >= 0 && c < ' '; });
  line += breaks ? json_string(message) : std::string(message);
  for (const LogField& field : fields)
    line += " " + std::string(field.name) + "=" + plain_or_json_string(field.value, " \"=\\");
  return line;
}

}  // namespace bimip::frontend
