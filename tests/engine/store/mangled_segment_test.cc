// A segment file that somebody cut, emptied, overwrote or moved away: its partition says so, never
// makes an empty log of it, and the others go on.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "engine/store/store.h"
#include "tests/support/log_client.h"
#include "tests/support/temp_directory.h"

namespace bimip::testing {
namespace {

namespace fs = std::filesystem;

void overwrite(const Path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

class MangledSegment : public ::testing::Test {
 protected:
  MangledSegment() {
    const auto store = open();
    LogClient log(*store);
    for (const char* name : {"mangled", "whole"}) {
      const TopicId topic = store->create_topic(name, {})->id;
      for (int i = 0; i < 20; ++i) EXPECT_TRUE(log.append(topic, std::string(1000, 'x')));
    }
  }
  [[nodiscard]] std::unique_ptr<Store> open() const {
    auto store = Store::open({.directory = directory_.path(), .free_space_floor = 0});
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }
  [[nodiscard]] Path segment() const {
    return directory_.path() / "topics/mangled/0/0000000001.segment";
  }

  void expect_refused_untouched() {
    const auto size = fs::exists(segment()) ? fs::file_size(segment()) : 0;
    const auto store = open();
    ASSERT_EQ(store->report().unusable.size(), 1U);
    LogClient log(*store);
    EXPECT_FALSE(log.append(store->find_topic("mangled")->id, "more"));
    EXPECT_FALSE(log.read(store->find_topic("mangled")->id, Offset(0)));
    EXPECT_EQ(log.append(store->find_topic("whole")->id, "more")->at(0), Offset(20));
    EXPECT_EQ(log.read_all(store->find_topic("whole")->id)->records.size(), 21U);
    EXPECT_EQ(fs::exists(segment()) ? fs::file_size(segment()) : 0, size);
  }

  const TempDirectory directory_;
};

TEST_F(MangledSegment, ThatIsEmptyIsRefused) {
  overwrite(segment(), "");
  expect_refused_untouched();
}

TEST_F(MangledSegment, ThatIsFullOfZerosIsRefused) {
  overwrite(segment(), std::string(256 * 1024, '\0'));
  expect_refused_untouched();
}

TEST_F(MangledSegment, ThatIsAFileOfSomethingElseIsRefused) {
  overwrite(segment(), std::string(20'001, 'x'));
  expect_refused_untouched();
}

TEST_F(MangledSegment, ThatWasMovedAwayIsRefused) {
  fs::rename(segment(), segment().parent_path() / "0000000099.segment");
  expect_refused_untouched();
}

TEST_F(MangledSegment, ThatWasCutAnywhereKeepsTheRecordsBeforeTheCut) {
  const Path copy = directory_.path().string() + ".copy";
  fs::copy_file(segment(), copy);
  const std::size_t header = limits::kSectorBytes;
  for (const std::size_t size : {header, header + 1, header + 4095, header + 4096, header + 4097,
                                 header + 12'000, header + 12'288, header + 50'001}) {
    fs::copy_file(copy, segment(), fs::copy_options::overwrite_existing);
    fs::resize_file(segment(), size);
    const auto store = open();
    ASSERT_TRUE(store->report().unusable.empty()) << size;
    LogClient log(*store);
    const TopicId topic = store->find_topic("mangled")->id;
    const auto before = log.read_all(topic);
    ASSERT_TRUE(before && before->gaps.empty()) << size;
    EXPECT_EQ(log.append(topic, "more")->at(0), Offset(before->records.size())) << size;
    const auto after = log.read_all(topic);
    ASSERT_TRUE(after && after->gaps.empty()) << size;
    EXPECT_EQ(after->records.size(), before->records.size() + 1) << size;
  }
  fs::remove(copy);
}

}  // namespace
}  // namespace bimip::testing
