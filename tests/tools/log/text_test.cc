#include "tools/log/text.h"

#include <gtest/gtest.h>

#include "tools/log/progress.h"

namespace bimip::log_tools {
namespace {

TEST(Text, WritesTimesThatItReadsBack) {
  const Timestamp time{std::chrono::microseconds(1'763'929'757'123'456)};
  EXPECT_EQ(time_text(time), "2025-11-23T20:29:17.123456Z");
  EXPECT_EQ(parse_time(time_text(time)).value(), time);
}

TEST(Text, ReadsTimesInShort) {
  EXPECT_EQ(time_text(parse_time("2026-11-23").value()), "2026-11-23T00:00:00.000000Z");
  EXPECT_EQ(time_text(parse_time("2026-11-23T20:29").value()), "2026-11-23T20:29:00.000000Z");
  EXPECT_EQ(time_text(parse_time("2026-11-23 20:29:17.5").value()), "2026-11-23T20:29:17.500000Z");
  EXPECT_EQ(time_text(parse_time("86400").value()), "1970-01-02T00:00:00.000000Z");
}

TEST(Text, RefusesWhatIsNoTime) {
  for (const char* text : {"", "yesterday", "2026-02-30", "2026-11-23T25:00", "2026-11-23T", "-5",
                           "2026-11-23T20:29:17Zulu", "999999999999999999"})
    EXPECT_FALSE(parse_time(text)) << text;
}

TEST(Text, TellsUtf8FromOtherBytes) {
  EXPECT_TRUE(is_utf8(as_bytes("")));
  EXPECT_TRUE(
      is_utf8(as_bytes("Gr\xC3\xBC\xC3\x9F"
                       "e \xE2\x82\xAC \xF0\x9F\x98\x80")));
  for (const char* bytes : {"\x80", "\xC3", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80",
                            "\xF5\x80\x80\x80", "\xF4\x90\x80\x80", "a\xFF"})
    EXPECT_FALSE(is_utf8(as_bytes(bytes)));
}

TEST(Text, WritesBase64) {
  EXPECT_EQ(base64(as_bytes("")), "");
  EXPECT_EQ(base64(as_bytes("f")), "Zg==");
  EXPECT_EQ(base64(as_bytes("fo")), "Zm8=");
  EXPECT_EQ(base64(as_bytes("foo")), "Zm9v");
  EXPECT_EQ(base64(as_bytes("foobar")), "Zm9vYmFy");
}

TEST(Text, KeepsARecordOnOneLine) {
  EXPECT_EQ(escaped(as_bytes("a\nb\\c\t\x01\xFF\xC3\xBC")), "a\\nb\\\\c\\t\\x01\\xff\xC3\xBC");
}

TEST(Text, AlignsColumns) {
  TextTable table({TextTable::Align::kLeft, TextTable::Align::kRight});
  table.add({"NAME", "N"});
  table.add({"a", "100"});
  EXPECT_EQ(table.text(), "NAME    N\na     100\n");
}

TEST(Progress, SaysHowFarHowFastAndHowLongOfEachPhase) {
  using namespace std::chrono_literals;
  constexpr std::uint64_t kMiB = 1024 * 1024;
  std::vector<std::string> drawn;
  const Console console{
      .out = {}, .err = {}, .progress = [&](std::string_view text) { drawn.emplace_back(text); }};
  ProgressLine::Clock::time_point now{};
  ProgressLine line(console, [&now] { return now; });
  const auto draw = [&](std::chrono::milliseconds later, std::string_view phase,
                        std::uint64_t done) {
    now += later;
    line.draw(phase, done * kMiB, 100 * kMiB);
  };
  draw(100ms, "", 10);  // too soon
  draw(900ms, "", 20);
  draw(100ms, "", 21);  // and so again
  draw(1000ms, "copying", 40);
  draw(2000ms, "copying", 50);
  line.wipe();
  EXPECT_EQ(drawn, (std::vector<std::string>{
                       "20.0 MiB of 100 MiB, 20 %, 20.0 MiB/s, 5 s left",
                       "copying: 50.0 MiB of 100 MiB, 50 %, 5.0 MiB/s, 11 s left",
                       "",
                   }));
  EXPECT_DOUBLE_EQ(line.seconds(), 4.1);
}

}  // namespace
}  // namespace bimip::log_tools
