// What is derived is made again from the log, and only that.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/tools/log/command_run.h"
#include "tests/tools/log/stored_records.h"
#include "tools/log/reindex/reindex_command.h"

namespace bimip::testing {
namespace {

namespace fs = std::filesystem;
using file_names::FileKind;
using log_tools::Effect;
using log_tools::Exit;
using log_tools::Format;
using log_tools::InPlace;
using log_tools::ReindexArguments;
using ::testing::HasSubstr;
using Json = nlohmann::json;

Json reindex(ReindexArguments arguments, Exit expected) {
  arguments.format = Format::kJson;
  arguments.jobs = 2;
  const Ran ran = run(log_tools::run_reindex, arguments);
  EXPECT_EQ(ran.exit, expected) << ran.out << ran.err;
  return ran.exit == Exit::kCannotRun ? Json() : Json::parse(ran.out);
}

std::size_t written(const Json& report) {
  std::size_t count = 0;
  for (const Json& file : report.at("files")) count += file.contains("written") ? 1U : 0U;
  return count;
}

TEST(Reindex, FindsNothingToDoInAGoodStore) {
  const ExampleStore store;
  const auto before = contents_of(store.path());
  const Json report = reindex({.path = store.path(), .replace = InPlace::kYes}, Exit::kClean);
  EXPECT_EQ(report.at("right"), true);
  EXPECT_GT(report.at("files").size(), 3U);
  EXPECT_EQ(written(report), 0U);
  EXPECT_EQ(contents_of(store.path()), before);
}

TEST(Reindex, ReplacesWhatIsMissingOrWrongByWhatItWas) {
  const ExampleStore store;
  const auto before = contents_of(store.path());
  const std::vector<Path> indexes = store.files(FileKind::kIndex);
  fs::remove(indexes.at(0));
  change_byte(indexes.at(1), 70, 1);
  write_bytes(indexes.at(2), read_bytes(indexes.at(3)));
  fs::remove(store.files(FileKind::kProducers).at(0));
  fs::remove(store.files(FileKind::kEntities).at(0));
  change_byte(store.files(FileKind::kEntities).at(1), 70, 1);
  EXPECT_FALSE(verify_path(store.path()).is_clean());

  const auto damaged = contents_of(store.path());
  const Json dry = reindex({.path = store.path(), .effect = Effect::kDryRun}, Exit::kDamage);
  EXPECT_EQ(contents_of(store.path()), damaged);
  EXPECT_EQ(written(dry), 0U);

  const Json report = reindex({.path = store.path(), .replace = InPlace::kYes}, Exit::kClean);
  EXPECT_EQ(written(report), 6U);
  EXPECT_EQ(contents_of(store.path()), before);
  EXPECT_TRUE(verify_path(store.path(), log_tools::Depth::kRecords).is_clean());
}

TEST(Reindex, WritesBesideTheStoreToo) {
  const ExampleStore store;
  const TempDirectory folder;
  const Path to = folder.path() / "derived";
  fs::remove(store.files(FileKind::kIndex).at(1));
  const auto before = contents_of(store.path());
  const Json report = reindex({.path = store.path(), .to = to}, Exit::kClean);
  EXPECT_EQ(contents_of(store.path()), before);
  EXPECT_EQ(written(report), report.at("files").size());
  for (const Path& index : store.files(FileKind::kIndex))
    EXPECT_EQ(read_bytes(to / fs::relative(index, store.path())), read_bytes(index));
  std::uint64_t bytes = 0;
  for (const Json& file : report.at("files"))
    bytes += fs::file_size(file.at("written").get<std::string>());
  EXPECT_EQ(report.at("bytes_written"), bytes);
}

TEST(Reindex, OfADamagedSegmentSaysThatItLeavesSomethingOut) {
  const ExampleStore store;
  fs::remove(store.files(FileKind::kIndex).at(0));
  change_byte(store.sealed(), 5 * limits::kSectorBytes + 200, 8);
  const Json report = reindex({.path = store.path(), .replace = InPlace::kYes}, Exit::kDamage);
  EXPECT_EQ(written(report), 1U);
  EXPECT_EQ(report.at("files").at(0).at("log_whole"), false);
}

TEST(Reindex, KeepsARetriedPublishFromBeingStoredTwice) {
  const ExampleStore store;
  fs::remove(store.files(FileKind::kProducers).at(0));
  reindex({.path = store.partition(), .replace = InPlace::kYes}, Exit::kClean);
  const Records records = records_that_check(store.path());
  const std::unique_ptr<Device> device = make_posix_device();
  const auto opened = open_store(store.path(), *device);
  LogClient log(*opened);
  std::size_t tried = 0;
  for (const auto& [place, record] : records) {
    if (!record.producer) continue;
    RecordFields fields = value_record("again");
    fields.producer = record.producer;
    const Result<Appended> again = log.append(place.topic, std::vector{fields}, place.partition);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->at(0), place.offset);
    ++tried;
  }
  EXPECT_EQ(tried, 20U);
}

TEST(Reindex, RefusesWhatItCannotDo) {
  const ExampleStore store;
  const TempDirectory folder;
  reindex({.path = store.path()}, Exit::kCannotRun);
  reindex({.path = store.path(), .to = folder.path(), .replace = InPlace::kYes}, Exit::kCannotRun);
  reindex({.path = store.path(), .to = store.path() / "derived"}, Exit::kCannotRun);
  fs::remove(store.partition() / file_names::kManifest);
  const Ran ran = run(log_tools::run_reindex, {.path = store.path(), .replace = InPlace::kYes});
  EXPECT_EQ(ran.exit, Exit::kCannotRun);
  EXPECT_THAT(ran.err, HasSubstr("salvage"));
}

}  // namespace
}  // namespace bimip::testing
