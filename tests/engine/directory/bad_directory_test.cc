// Data directories that are not what they should be: a clear answer, and nothing is lost.
#include <gtest/gtest.h>

#include "tests/engine/store/worked_store.h"

namespace bimip::testing {
namespace {

class BadDirectory : public ::testing::Test {
 protected:
  BadDirectory() {
    WorkedStore worked(device_);
    const TopicId t = worked.topic({.segment_bytes = limits::kSegmentBytesMin});
    const TopicId other = worked.topic({}, "other");
    for (int i = 0; i < 12; ++i) worked.append(t, value(i));
    worked.append(other, "a neighbour");
  }
  // Too large to be packed: the segments stay as they are.
  static std::string value(int i) { return std::to_string(i) + std::string(12'000, 'x'); }
  static std::string in_partition(const std::string& name) {
    return WorkedStore::folder() + "/" + name;
  }

  Result<std::unique_ptr<Store>> open() {
    return Store::open({.directory = "data",
                        .free_space_floor = 0,
                        .device = &device_,
                        .clock = &clock_,
                        .threading = Threading::kManual});
  }
  ErrorCode refusal() {
    const auto store = open();
    EXPECT_FALSE(store);
    return store ? ErrorCode::kIo : store.error().code;
  }
  LogClient::Everything read(Store& store, const std::string& topic) {
    LogClient client(store, [&] { store.step(); });
    const auto all = client.read_all(store.find_topic(topic)->id);
    EXPECT_TRUE(all) << all.error().message;
    return all ? *all : LogClient::Everything();
  }
  // The partition answers with this; its neighbour works.
  void expect_unusable(ErrorCode code) {
    const auto store = open();
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_EQ((*store)->report().unusable.size(), 1U);
    EXPECT_EQ((*store)->report().unusable[0].topic, "t");
    EXPECT_EQ((*store)->report().unusable[0].error.code, code)
        << (*store)->report().unusable[0].error.message;
    LogClient client(**store, [&] { (*store)->step(); });
    const auto appended = client.append((*store)->find_topic("t")->id, "more");
    ASSERT_FALSE(appended);
    EXPECT_EQ(read(**store, "other").records.size(), 1U);
    EXPECT_TRUE(client.append((*store)->find_topic("other")->id, "more"));
  }
  // Every record is read, or its range is named; never another one in its place.
  void expect_gap_or_data(std::size_t gaps) {
    const auto store = open();
    ASSERT_TRUE(store) << store.error().message;
    const LogClient::Everything all = read(**store, "t");
    EXPECT_EQ(all.gaps.size(), gaps);
    std::size_t missing = 0;
    for (const OffsetRange& gap : all.gaps) missing += gap.end - gap.first;
    EXPECT_EQ(all.records.size() + missing, 12U);
    for (const StoredRecord& record : all.records)
      EXPECT_EQ(record.value, value(static_cast<int>(record.offset)));
    LogClient client(**store, [&] { (*store)->step(); });
    EXPECT_TRUE(client.append((*store)->find_topic("t")->id, "writing goes on"));
  }
  void set(const std::string& path, std::vector<std::byte> bytes) {
    ASSERT_TRUE(device_.set_contents(path, bytes));
  }
  std::vector<std::byte> get(const std::string& path) { return *device_.contents(path); }

  SimDevice device_{1};
  ManualClock clock_;
};

TEST_F(BadDirectory, OfSomethingElseIsRefused) {
  SimDevice device(1);
  ASSERT_TRUE(device.create_directory("data"));
  ASSERT_TRUE(device.set_contents("data/holiday.jpg", as_bytes("x")));
  const auto store = Store::open({.directory = "data", .device = &device, .clock = &clock_});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kForeign);
  EXPECT_EQ(device.files().size(), 1U) << "nothing was put there";
}

TEST_F(BadDirectory, WhoseParentIsMissingIsRefused) {
  const auto store = Store::open({.directory = "no/such", .device = &device_, .clock = &clock_});
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().message.find("no/such"), std::string::npos) << store.error().message;
}

TEST_F(BadDirectory, ThatIsHeldIsRefused) {
  const auto holder = open();
  ASSERT_TRUE(holder);
  EXPECT_EQ(refusal(), ErrorCode::kLocked);
}

TEST_F(BadDirectory, ThatCannotBeWrittenIsRefused) {
  SimDevice device(1);
  device.fail_next({.operation = SimOperation::kCreate, .path_contains = "data"});
  const auto store = Store::open({.directory = "data", .device = &device, .clock = &clock_});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kIo);
}

TEST_F(BadDirectory, WithoutItsCatalogIsNotMadeAnew) {
  ASSERT_TRUE(device_.remove("data/catalog"));
  EXPECT_EQ(refusal(), ErrorCode::kDamaged);
}

TEST_F(BadDirectory, WithADamagedCatalogIsRefused) {
  const std::vector<std::byte> sound = get("data/catalog");
  set("data/catalog", {});
  EXPECT_EQ(refusal(), ErrorCode::kDamaged);
  set("data/catalog", std::vector<std::byte>(sound.size()));
  EXPECT_EQ(refusal(), ErrorCode::kDamaged);
  std::vector<std::byte> cut = sound;
  cut.resize(cut.size() / 2);
  set("data/catalog", cut);
  EXPECT_EQ(refusal(), ErrorCode::kDamaged);
  set("data/catalog", sound);
  EXPECT_TRUE(open());
}

TEST_F(BadDirectory, WithoutAManifestOnePartitionCannotBeUsed) {
  ASSERT_TRUE(device_.remove(in_partition("manifest")));
  expect_unusable(ErrorCode::kNotFound);
}

TEST_F(BadDirectory, WithADamagedManifestOnePartitionCannotBeUsed) {
  ASSERT_TRUE(device_.flip_bit(in_partition("manifest"), FilePosition(70), 2));
  expect_unusable(ErrorCode::kDamaged);
}

TEST_F(BadDirectory, WithAnothersManifestOnePartitionCannotBeUsed) {
  set(in_partition("manifest"), get(WorkedStore::folder("other") + "/manifest"));
  expect_unusable(ErrorCode::kForeign);
}

TEST_F(BadDirectory, ASealedSegmentThatIsEmptyIsAGap) {
  set(in_partition("0000000001.segment"), {});
  expect_gap_or_data(1);
}

TEST_F(BadDirectory, ASealedSegmentOfZerosIsAGap) {
  set(in_partition("0000000001.segment"),
      std::vector<std::byte>(get(in_partition("0000000001.segment")).size()));
  expect_gap_or_data(1);
}

TEST_F(BadDirectory, ASealedSegmentUnderAnothersNameIsNeverReadAsData) {
  set(in_partition("0000000001.segment"), get(in_partition("0000000002.segment")));
  expect_gap_or_data(1);
}

TEST_F(BadDirectory, AnIndexIsMadeAgainWhenItIsMissingStaleOrDamaged) {
  const std::string index = in_partition("0000000001.index");
  const std::vector<std::byte> sound = get(index);
  ASSERT_TRUE(device_.remove(index));
  expect_gap_or_data(0);
  EXPECT_EQ(get(index), sound);
}

TEST_F(BadDirectory, AnIndexOfAnotherSegmentIsNotBelieved) {
  set(in_partition("0000000001.index"), get(in_partition("0000000002.index")));
  expect_gap_or_data(0);
}

TEST_F(BadDirectory, ADamagedIndexIsNotBelieved) {
  ASSERT_TRUE(device_.flip_bit(in_partition("0000000001.index"), FilePosition(80), 1));
  expect_gap_or_data(0);
}

}  // namespace
}  // namespace bimip::testing
