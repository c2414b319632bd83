#include "tools/client/line_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <vector>

#include "tests/support/temp_directory.h"

namespace bimip::client {
namespace {

class LineReaderTest : public ::testing::Test {
 protected:
  ~LineReaderTest() override {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  LineReader reader(const std::string& content, std::size_t line_bytes_max = 1 << 20) {
    const std::filesystem::path path = folder_.path() / "lines";
    std::ofstream(path, std::ios::binary) << content;
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    return {descriptor_, line_bytes_max};
  }
  static std::vector<std::string> all(LineReader& reader) {
    std::vector<std::string> lines;
    while (true) {
      while (const auto line = reader.next()) lines.emplace_back(*line);
      const auto filled = reader.fill();
      EXPECT_TRUE(filled);
      if (!filled || *filled == LineReader::Filled::kEnded) break;
    }
    while (const auto line = reader.next()) lines.emplace_back(*line);
    return lines;
  }

  testing::TempDirectory folder_;
  int descriptor_ = -1;
};

using Lines = std::vector<std::string>;

TEST_F(LineReaderTest, GivesEachLineAsItIs) {
  LineReader lines = reader("one\n\n three\r\nlast\n");
  EXPECT_EQ(all(lines), (Lines{"one", "", " three\r", "last"}));
  EXPECT_EQ(lines.bytes_read(), 18U);
}

TEST_F(LineReaderTest, CountsALastLineWithoutAnEnd) {
  LineReader lines = reader("one\ntwo");
  EXPECT_EQ(all(lines), (Lines{"one", "two"}));
}

TEST_F(LineReaderTest, GivesNothingOfAnEmptyFile) {
  LineReader lines = reader("");
  EXPECT_TRUE(all(lines).empty());
}

TEST_F(LineReaderTest, TakesAnyBytes) {
  std::mt19937 random(11);
  std::string content;
  Lines expected;
  for (int i = 0; i < 2000; ++i) {
    std::string line(random() % 3000, '\0');
    for (char& c : line) {
      c = static_cast<char>(random());
      if (c == '\n') c = '\0';
    }
    content += line + '\n';
    expected.push_back(std::move(line));
  }
  LineReader lines = reader(content);
  EXPECT_EQ(all(lines), expected);
}

TEST_F(LineReaderTest, RefusesALineAboveItsLimitWithItsNumber) {
  LineReader lines = reader("one\n" + std::string(600'000, 'x') + "\n", 1000);
  EXPECT_FALSE(lines.next());
  ASSERT_TRUE(lines.fill());
  EXPECT_EQ(lines.next(), "one");
  EXPECT_FALSE(lines.next());
  const auto filled = lines.fill();
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, engine::ErrorCode::kTooLarge);
  EXPECT_TRUE(filled.error().message.starts_with("line 2 ")) << filled.error().message;
}

TEST_F(LineReaderTest, SaysWhatCannotBeRead) {
  LineReader lines(-1, 1000);
  const auto filled = lines.fill();
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, engine::ErrorCode::kIo);
}

}  // namespace
}  // namespace bimip::client
