// What verify says of segments that were written anew.
#include <gmock/gmock.h>

#include "tests/tools/log/example_store.h"

namespace bimip::testing {
namespace {

using file_names::FileKind;
using log_tools::Verdict;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A log of lone small commits in three sealed segments, each packed.
class RewrittenLog : public ::testing::Test {
 protected:
  RewrittenLog() { fill({}); }

  // Writes the log; `meanwhile` looks at the partition's folder before anything is packed.
  void fill(const std::function<void(const Path&)>& meanwhile) {
    std::filesystem::remove_all(partition());
    directory_.emplace();
    {
      const auto store = open(kNothing);
      LogClient log(*store);
      const TopicId topic = store->create_topic("t", {.segment_bytes = kSegmentBytes})->id;
      for (int i = 0; i < 240; ++i) {
        if (!log.append(topic, "value " + std::to_string(i))) throw std::runtime_error("no append");
      }
    }
    if (meanwhile) meanwhile(partition());
    const auto store = open(kAsFastAsItCan);
    while (store->upkeep().rewrites < 3) std::this_thread::yield();
  }
  [[nodiscard]] Path partition() const {
    return directory_ ? directory_->path() / "topics/t/0" : Path("none");
  }
  [[nodiscard]] std::vector<Path> segments() const {
    std::vector<Path> found;
    for (const auto& entry : std::filesystem::directory_iterator(partition())) {
      const auto file = file_names::parse(entry.path().filename().string());
      if (file && file->kind == FileKind::kSegment) found.push_back(entry.path());
    }
    std::ranges::sort(found);
    return found;
  }

 private:
  static constexpr std::uint64_t kSegmentBytes = 256 * 1024;
  static constexpr std::uint64_t kAsFastAsItCan = 0;
  static constexpr std::uint64_t kNothing = 1;  // a byte a second: nothing is rewritten

  [[nodiscard]] std::unique_ptr<Store> open(std::uint64_t rate) const {
    Result<std::unique_ptr<Store>> store = Store::open(
        {.directory = directory_->path(), .free_space_floor = 0, .rewrite_bytes_per_second = rate});
    if (!store) throw std::runtime_error(store.error().message);
    return std::move(*store);
  }

  std::optional<TempDirectory> directory_;
};

TEST_F(RewrittenLog, IsClean) {
  const auto report = verify_path(partition(), log_tools::Depth::kRecords);
  EXPECT_THAT(report.findings, IsEmpty()) << to_text(report);
  EXPECT_EQ(report.records, 240U);
  EXPECT_LT(report.blocks, 100U);
}

TEST_F(RewrittenLog, IsFoundInOrderWithoutItsManifest) {
  std::filesystem::remove(partition() / "manifest");
  const auto report = verify_path(partition(), log_tools::Depth::kRecords);
  ASSERT_EQ(report.findings.size(), 1U) << to_text(report);
  EXPECT_THAT(report.findings.front().what, HasSubstr("manifest is missing"));
}

TEST_F(RewrittenLog, SaysWhatWasLostBeforeIt) {
  fill([](const Path& folder) {
    change_byte(folder / file_names::segment(Epoch(1)), 5 * limits::kSectorBytes + 200, 8);
  });
  const auto report = verify_path(partition(), log_tools::Depth::kRecords);
  ASSERT_EQ(report.findings.size(), 2U) << to_text(report);
  const auto damage =
      std::ranges::find(report.findings, Verdict::kDamage, &log_tools::Finding::verdict);
  ASSERT_NE(damage, report.findings.end());
  EXPECT_EQ(damage->offsets, (OffsetRange{.first = Offset(4), .end = Offset(5)}));
  EXPECT_THAT(damage->what, HasSubstr("could not be read when the segment was rewritten"));
}

TEST_F(RewrittenLog, WithADamagedBlockIsReported) {
  change_byte(segments().front(), 2 * limits::kSectorBytes, 1);
  const auto report = verify_path(partition());
  ASSERT_FALSE(report.is_clean());
}

TEST_F(RewrittenLog, KnowsTheOldSideOfARewriteForALeftover) {
  std::vector<std::byte> old;
  fill([&](const Path& folder) { old = read_bytes(folder / file_names::segment(Epoch(1))); });
  write_bytes(partition() / file_names::segment(Epoch(1)), old);
  const auto report = verify_path(partition());
  ASSERT_EQ(report.findings.size(), 1U) << to_text(report);
  EXPECT_EQ(report.findings.front().verdict, Verdict::kNote);
  EXPECT_THAT(report.findings.front().what, HasSubstr("was replaced or removed"));
}

}  // namespace
}  // namespace bimip::testing
