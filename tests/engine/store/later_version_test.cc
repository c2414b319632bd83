// What a later program wrote is neither read nor cut, rewritten or skipped by this one.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/store/store.h"
#include "tests/engine/format/samples.h"
#include "tests/support/log_client.h"
#include "tests/support/temp_directory.h"

namespace bimip::testing {
namespace {

constexpr std::uint64_t kVersionAt = 20;  // in every format

std::vector<std::byte> read_all(const Path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(file), {}};
  const Bytes bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

void write_all(const Path& path, Bytes bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

class LaterVersion : public ::testing::Test {
 protected:
  LaterVersion() {
    auto store = Store::open({.directory = directory_.path(), .free_space_floor = 0});
    EXPECT_TRUE(store);
    LogClient log(**store);
    const TopicId topic = (*store)->create_topic("orders", {})->id;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(log.append(topic, "value"));
  }

  // As the next version of this program would write: [from, from + bytes) of the file, whose
  // checksum comes first, gets another version and a checksum that holds.
  void raise_version(const Path& file, std::size_t from, std::optional<std::size_t> count = {}) {
    std::vector<std::byte> bytes = read_all(file);
    const MutableBytes part =
        MutableBytes(bytes).subspan(from, count.value_or(bytes.size() - from));
    store(part.data() + kVersionAt, std::uint16_t{2});
    reseal(part, decode_catalog(read_all(catalog()))->store);
    write_all(file, bytes);
  }

  // Opens the store and expects the partition to be left alone for its version.
  void expect_left_alone(const Path& file) {
    const std::vector<std::byte> before = read_all(file);
    {
      const auto store = Store::open({.directory = directory_.path(), .free_space_floor = 0});
      ASSERT_TRUE(store) << store.error().message;
      ASSERT_EQ((*store)->report().unusable.size(), 1U);
      LogClient log(**store);
      const auto appended = log.append((*store)->find_topic("orders")->id, "more");
      ASSERT_FALSE(appended);
      EXPECT_EQ(appended.error().code, ErrorCode::kUnsupportedVersion) << appended.error().message;
    }
    EXPECT_EQ(read_all(file), before);
    for (const auto& entry : std::filesystem::directory_iterator(partition()))
      EXPECT_EQ(entry.path().string().find(".torn-"), std::string::npos) << entry.path();
  }

  [[nodiscard]] Path catalog() const { return directory_.path() / "catalog"; }
  [[nodiscard]] Path partition() const { return directory_.path() / "topics/orders/0"; }
  [[nodiscard]] Path segment() const { return partition() / "0000000001.segment"; }

  const TempDirectory directory_;
};

TEST_F(LaterVersion, OfTheCatalogRefusesTheStore) {
  raise_version(catalog(), 0);
  const auto store = Store::open({.directory = directory_.path(), .free_space_floor = 0});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kUnsupportedVersion) << store.error().message;
}

TEST_F(LaterVersion, OfTheManifestLeavesThePartitionAlone) {
  raise_version(partition() / "manifest", 0);
  expect_left_alone(partition() / "manifest");
}

TEST_F(LaterVersion, OfASegmentLeavesThePartitionAlone) {
  raise_version(segment(), 0, limits::kSectorBytes);
  expect_left_alone(segment());
}

TEST_F(LaterVersion, OfABlockLeavesThePartitionAlone) {
  std::filesystem::remove(partition() / "0000000001.checkpoint");
  raise_version(segment(), limits::kSectorBytes, kBlockHeaderBytes);
  expect_left_alone(segment());
}

}  // namespace
}  // namespace bimip::testing
