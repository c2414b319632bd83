#include "frontend/config/server_log.h"

#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>

namespace bimip::frontend {
namespace {

constexpr engine::Timestamp kTime{std::chrono::microseconds(1'700'000'000'123'456)};

std::string line(LogFormat format, std::string_view message, std::string_view value) {
  const std::array<LogField, 1> fields{{{.name = "eid", .value = std::string(value)}}};
  return log_text(format, LogLevel::kWarning, kTime, message, fields);
}

TEST(ServerLog, IsAPlainLineForPeople) {
  EXPECT_EQ(line(LogFormat::kText, "session closed", "alice"),
            "2023-11-14T22:13:20.123Z warning session closed eid=alice");
  EXPECT_EQ(line(LogFormat::kText, "session closed", "a b"),
            "2023-11-14T22:13:20.123Z warning session closed eid=\"a b\"");
}

TEST(ServerLog, IsAnObjectForPrograms) {
  const auto parsed = nlohmann::json::parse(line(LogFormat::kJson, "session \"x\" closed", "a\nb"));
  EXPECT_EQ(parsed, (nlohmann::json{{"time", "2023-11-14T22:13:20.123Z"},
                                    {"level", "warning"},
                                    {"message", "session \"x\" closed"},
                                    {"eid", "a\nb"}}));
}

TEST(ServerLog, IsOneLineWhateverAPeerCallsItself) {
  for (const std::string_view value : {"a\nb", "a\r\nINFO forged", "\x1b[2J", "\xff\xfe", ""}) {
    for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
      for (const char c : line(format, value, value)) EXPECT_GE(static_cast<unsigned char>(c), 32U);
    }
  }
}

}  // namespace
}  // namespace bimip::frontend
