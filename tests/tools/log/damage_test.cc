// Whatever is done to whichever file, verify says so.
#include <gmock/gmock.h>

#include <random>

#include "tests/tools/log/example_store.h"

namespace bimip::testing {
namespace {

using log_tools::Finding;
using log_tools::Verdict;
using log_tools::VerifyReport;

// Bytes of a store's file that mean something: all of it, but for a growing segment the part that
// was written.
struct Live {
  Path path;
  std::uint64_t bytes = 0;
};

std::vector<Live> live_files(const Path& root) {
  std::vector<Live> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file() || entry.path().filename() == "LOCK") continue;
    const std::vector<std::byte> bytes = read_bytes(entry.path());
    std::size_t live = bytes.size();
    while (live > 0 && bytes[live - 1] == std::byte{0}) --live;
    if (entry.path().extension() == ".segment")
      live = (live + limits::kSectorBytes - 1) / limits::kSectorBytes * limits::kSectorBytes;
    else
      live = bytes.size();
    if (live > 0) files.push_back({.path = entry.path(), .bytes = live});
  }
  std::ranges::sort(files, {}, &Live::path);
  return files;
}

// The offsets that bytes of a segment hold, told by the undamaged file.
OffsetRange offsets_at(const std::vector<std::byte>& segment, std::uint64_t position) {
  for (std::size_t at = limits::kSectorBytes; at < segment.size();) {
    const Result<BlockHeader> block = decode_block_header(Bytes(segment).subspan(at));
    if (!block) break;
    if (position >= at && position < at + block->block_bytes)
      return {block->base_offset, block->end_offset()};
    at += block->block_bytes;
  }
  return {};
}

TEST(Damage, OfOneBitAnywhereIsFound) {
  const ExampleStore store(40, ExampleStore::WithLarge::kYes);
  ASSERT_TRUE(std::filesystem::exists(store.checkpoint()));
  const std::vector<Live> files = live_files(store.path());
  ASSERT_GT(files.size(), 10U);
  const char* given = std::getenv("BIMIP_TEST_SEED");
  const std::uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device()();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 400; ++round) {
    // Every file is hit, small ones as often as large ones.
    const Live& file = files[static_cast<std::size_t>(round) % files.size()];
    const std::uint64_t position = random() % file.bytes;
    const auto mask = static_cast<std::uint8_t>(1U << (random() % 8));
    const bool is_segment = file.path.extension() == ".segment";
    const OffsetRange lost =
        is_segment ? offsets_at(read_bytes(file.path), position) : OffsetRange{};
    change_byte(file.path, position, mask);
    const VerifyReport report = verify_path(store.path());
    change_byte(file.path, position, mask);
    const std::string where = "BIMIP_TEST_SEED=" + std::to_string(seed) + ", round " +
                              std::to_string(round) + ": bit " + std::to_string(mask) + " at " +
                              std::to_string(position) + " of " + file.path.string() + "\n" +
                              to_text(report);
    ASSERT_FALSE(report.is_clean()) << where;
    const bool named = std::ranges::any_of(report.findings, [&](const Finding& finding) {
      return finding.verdict == Verdict::kDamage && finding.file == file.path &&
             (!is_segment ||
              (finding.offsets.end - finding.offsets.first == lost.end - lost.first &&
               (lost.first == lost.end || finding.offsets == lost) &&
               finding.from->value() <= position && position < finding.end->value()));
    });
    ASSERT_TRUE(named) << where;
  }
  EXPECT_TRUE(verify_path(store.path()).is_clean());
}

enum class Harm : std::uint8_t {
  kRemove,
  kEmpty,
  kHalve,
  kCutAByte,
  kAppend,
  kZero,
  kText,
  kForeign
};

std::string_view name_of(Harm harm) {
  constexpr std::array<std::string_view, 8> kNames{"remove", "empty", "halve", "cut a byte",
                                                   "append", "zero",  "text",  "foreign"};
  return kNames.at(static_cast<std::size_t>(harm));
}

// False when this harm changes nothing of this file.
bool do_harm(Harm harm, const Path& path, const ExampleStore& foreign, const ExampleStore& own) {
  std::vector<std::byte> bytes = read_bytes(path);
  const std::vector<std::byte> before = bytes;
  switch (harm) {
    case Harm::kRemove:
      std::filesystem::remove(path);
      return true;
    case Harm::kEmpty:
      bytes.clear();
      break;
    case Harm::kHalve:
      bytes.resize(bytes.size() / 2);
      break;
    case Harm::kCutAByte:
      bytes.resize(bytes.size() - std::min<std::size_t>(bytes.size(), 1));
      break;
    case Harm::kAppend:
      bytes.resize(bytes.size() + 100, std::byte{7});
      break;
    case Harm::kZero:
      std::ranges::fill(bytes, std::byte{0});
      break;
    case Harm::kText: {
      const Bytes text = as_bytes("this is no log\n");
      bytes.assign(text.begin(), text.end());
      break;
    }
    case Harm::kForeign: {
      const Path other = foreign.path() / std::filesystem::relative(path, own.path());
      if (!std::filesystem::exists(other)) return false;
      bytes = read_bytes(other);
      break;
    }
  }
  write_bytes(path, bytes);
  return bytes != before;
}

class DamageMatrix : public ::testing::TestWithParam<Harm> {};

TEST_P(DamageMatrix, OfEveryFileIsFound) {
  const ExampleStore store;
  const ExampleStore foreign;
  for (const Live& file : live_files(store.path())) {
    const std::vector<std::byte> kept = read_bytes(file.path);
    const bool is_growing = file.path.extension() == ".segment" && file.bytes < kept.size();
    // A checkpoint makes opening quick; a segment may be without one.
    if (GetParam() == Harm::kRemove && file.path.extension() == ".checkpoint") continue;
    if (!do_harm(GetParam(), file.path, foreign, store)) continue;
    const VerifyReport report = verify_path(store.path());
    write_bytes(file.path, kept);
    // Space behind the log's end means nothing, and is not missed.
    const bool means_nothing = is_growing && GetParam() == Harm::kCutAByte;
    const bool is_behind =
        (is_growing || file.path.extension() == ".entity-runs") && GetParam() == Harm::kAppend;
    const bool halved_behind =
        is_growing && GetParam() == Harm::kHalve && file.bytes <= kept.size() / 2;
    if (means_nothing || is_behind || halved_behind) continue;
    EXPECT_FALSE(report.is_clean()) << name_of(GetParam()) << " " << file.path;
    EXPECT_TRUE(std::ranges::any_of(report.findings,
                                    [&](const Finding& f) {
                                      return f.verdict == Verdict::kDamage && f.file == file.path;
                                    }) ||
                file.path.filename() == "catalog")
        << name_of(GetParam()) << " " << file.path << "\n"
        << to_text(report);
  }
  EXPECT_TRUE(verify_path(store.path()).is_clean());
}

INSTANTIATE_TEST_SUITE_P(Every, DamageMatrix,
                         ::testing::Values(Harm::kRemove, Harm::kEmpty, Harm::kHalve,
                                           Harm::kCutAByte, Harm::kAppend, Harm::kZero, Harm::kText,
                                           Harm::kForeign));

}  // namespace
}  // namespace bimip::testing
