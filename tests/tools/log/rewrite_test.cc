// A store written anew: compacted, or without a key. What it was is there until all is verified.
#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>

#include "tests/tools/log/command_run.h"
#include "tests/tools/log/stored_records.h"
#include "tools/log/rewrite/compact_command.h"
#include "tools/log/rewrite/erase_command.h"

namespace bimip::testing {
namespace {

namespace fs = std::filesystem;
using log_tools::Effect;
using log_tools::Exit;
using log_tools::Format;
using log_tools::InPlace;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

constexpr const char* kKey = "user-4711@example.org";

class Rewrite : public ::testing::Test {
 protected:
  Rewrite() {
    const std::unique_ptr<Device> device = make_posix_device();
    const auto store = open_store(path(), *device);
    LogClient log(*store);
    const TopicId prices = store
                               ->create_topic("prices", {.segment_bytes = limits::kSegmentBytesMin,
                                                         .compaction = Compaction::kNewest})
                               ->id;
    const TopicId people =
        store->create_topic("people", {.partitions = 2, .segment_bytes = limits::kSegmentBytesMin})
            ->id;
    for (int i = 0; i < 200; ++i) {
      const std::string value = std::to_string(i) + std::string(1500, 'x');
      must(log.append(prices, {value_record(value, "key " + std::to_string(i % 7))}));
      const std::string key = i % 4 == 1 ? kKey : "user " + std::to_string(i % 3);
      must(log.append(people, {value_record(value, key)}, PartitionId(i % 2 == 0 ? 0 : 1)));
    }
    must(log.append(prices, {value_record("a quote for user-4711@example.org", "key 1")}));
  }
  static void must(const Result<Appended>& appended) {
    if (!appended) throw std::runtime_error(appended.error().message);
  }
  [[nodiscard]] Path path() const { return folder_.path() / "store"; }
  [[nodiscard]] Path other() const { return folder_.path() / "other"; }

  // Of each topic and key the last value.
  static std::map<std::string, std::string> newest(const Path& store) {
    std::map<std::string, std::string> found;
    const std::unique_ptr<Device> device = make_posix_device();
    const auto opened = open_as_it_is(store, *device);
    EXPECT_THAT(opened->report().unusable, IsEmpty());
    for (const auto& [place, record] : records_of(*opened))
      found[std::to_string(place.topic.value()) + "/" + record.key] = record.value;
    return found;
  }
  static std::vector<Path> holding(const Path& folder, std::string_view what) {
    std::vector<Path> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      const std::vector<std::byte> bytes = read_bytes(entry.path());
      if (as_text(bytes).find(what) != std::string_view::npos) found.push_back(entry.path());
    }
    return found;
  }
  [[nodiscard]] std::vector<std::string> beside() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path()))
      names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
  Ran compact(log_tools::CompactArguments arguments) const {
    arguments.path = path();
    return run(log_tools::run_compact, arguments);
  }
  Ran erase(log_tools::EraseArguments arguments) const {
    arguments.path = path();
    arguments.topic = "people";
    if (arguments.key.empty()) arguments.key = kKey;
    return run(log_tools::run_erase, arguments);
  }

 private:
  TempDirectory folder_;
};

TEST_F(Rewrite, CompactsIntoAnotherFolder) {
  const auto was = newest(path());
  const auto before = contents_of(path());
  const Ran ran = compact({.to = other(), .format = Format::kJson});
  ASSERT_EQ(ran.exit, Exit::kClean) << ran.out << ran.err;
  const Json report = Json::parse(ran.out);
  EXPECT_EQ(contents_of(path()), before) << "the input is only read";
  EXPECT_EQ(newest(other()), was);
  EXPECT_TRUE(verify_path(other(), log_tools::Depth::kRecords).is_clean());
  const Json& prices = *std::ranges::find_if(
      report.at("partitions"), [](const Json& one) { return one.at("topic") == "prices"; });
  EXPECT_GT(prices.at("before").at("records"), 150);
  EXPECT_EQ(prices.at("after").at("records"), 7);
  EXPECT_LT(report.at("after").at("bytes"), report.at("before").at("bytes"));
  EXPECT_THAT(beside(), ::testing::ElementsAre("other", "store"));
}

TEST_F(Rewrite, CompactsInTheStoresPlace) {
  const auto was = newest(path());
  const Ran ran = compact({.replace = InPlace::kYes});
  ASSERT_EQ(ran.exit, Exit::kClean) << ran.out << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("prices"));
  EXPECT_EQ(newest(path()), was);
  EXPECT_THAT(beside(), ::testing::ElementsAre("store"));
  const Json again = Json::parse(compact({.format = Format::kJson, .effect = Effect::kDryRun}).out);
  EXPECT_EQ(again.at("before"), again.at("after")) << "there is nothing left to do";
}

TEST_F(Rewrite, ForeseesWhatACompactionLeaves) {
  const auto before = contents_of(path());
  const Ran ran = compact({.format = Format::kJson, .effect = Effect::kDryRun});
  ASSERT_EQ(ran.exit, Exit::kClean) << ran.err;
  EXPECT_EQ(contents_of(path()), before);
  const Json foreseen = Json::parse(ran.out);
  const Json done = Json::parse(compact({.to = other(), .format = Format::kJson}).out);
  EXPECT_EQ(foreseen.at("after").at("records"), done.at("after").at("records"));
  const std::uint64_t bytes = foreseen.at("after").at("bytes");
  const std::uint64_t written = done.at("after").at("bytes");
  const std::uint64_t segments = foreseen.at("before").at("segments");
  EXPECT_GE(bytes, written * 9 / 10);
  EXPECT_LE(bytes, written + segments * 3 * limits::kSectorBytes)
      << "neighbours that become one share a header, a footer and what pads the last block";
}

TEST_F(Rewrite, CompactsOneTopicAlone) {
  const Ran none = compact({.to = other(), .topic = "nothing"});
  EXPECT_EQ(none.exit, Exit::kCannotRun);
  EXPECT_THAT(none.err, HasSubstr("nothing"));
  const Json report =
      Json::parse(compact({.to = other(), .topic = "people", .format = Format::kJson}).out);
  EXPECT_EQ(report.at("partitions").size(), 2U);
  EXPECT_EQ(newest(other()), newest(path()));
}

TEST_F(Rewrite, TakesATopicsFolderForThatTopic) {
  const auto was = newest(path());
  const Path topic = path() / "topics" / "prices";
  const Ran compacted =
      run(log_tools::run_compact, {.path = topic, .to = other(), .format = Format::kJson});
  ASSERT_EQ(compacted.exit, Exit::kClean) << compacted.err;
  for (const Json& one : Json::parse(compacted.out).at("partitions"))
    EXPECT_EQ(one.at("topic"), "prices");
  EXPECT_EQ(newest(other()), was) << "all of the store is there";
  const Ran other_one =
      run(log_tools::run_compact, {.path = topic, .to = other(), .topic = "people"});
  EXPECT_EQ(other_one.exit, Exit::kCannotRun);
  EXPECT_THAT(other_one.err, HasSubstr("not the topic 'people'"));
  const Ran erased =
      run(log_tools::run_erase,
          {.path = path() / "topics" / "people", .key = kKey, .replace = InPlace::kYes});
  ASSERT_EQ(erased.exit, Exit::kClean) << erased.err;
  EXPECT_THAT(holding(path() / "topics" / "people", kKey), IsEmpty());
  const Ran which =
      run(log_tools::run_erase, {.path = path(), .key = kKey, .replace = InPlace::kYes});
  EXPECT_EQ(which.exit, Exit::kCannotRun);
  EXPECT_THAT(which.err, HasSubstr("of which topic"));
}

TEST_F(Rewrite, ErasesAKeyInTheStoresPlace) {
  ASSERT_THAT(holding(path() / "topics" / "people", kKey), Not(IsEmpty()));
  auto expected = newest(path());
  std::erase_if(expected, [](const auto& one) { return one.first.ends_with(kKey); });
  const Json foreseen =
      Json::parse(erase({.format = Format::kJson, .effect = Effect::kDryRun}).out);
  EXPECT_EQ(foreseen.at("records"), 50);
  const Ran ran = erase({.replace = InPlace::kYes, .format = Format::kJson});
  ASSERT_EQ(ran.exit, Exit::kClean) << ran.out << ran.err;
  const Json report = Json::parse(ran.out);
  EXPECT_EQ(report.at("records"), 50);
  EXPECT_EQ(report.at("record_bytes"), foreseen.at("record_bytes"));
  EXPECT_EQ(report.at("proof").at("traces"), 0);
  EXPECT_GT(report.at("proof").at("records"), 300);
  EXPECT_EQ(report.at("proof").at("elsewhere").at("prices"), 1) << "a quote mentions it";
  EXPECT_THAT(holding(path() / "topics" / "people", kKey), IsEmpty());
  EXPECT_EQ(newest(path()), expected);
  EXPECT_THAT(beside(), ::testing::ElementsAre("store"));
  EXPECT_TRUE(verify_path(path(), log_tools::Depth::kRecords).is_clean());
}

TEST_F(Rewrite, ErasesAKeyBesideTheStore) {
  const auto before = contents_of(path());
  const Ran ran = erase({.to = other()});
  ASSERT_EQ(ran.exit, Exit::kClean) << ran.out << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("50 records erased"));
  EXPECT_THAT(ran.out, HasSubstr("nothing of the key is left in the topic"));
  EXPECT_EQ(contents_of(path()), before);
  EXPECT_THAT(holding(other() / "topics" / "people", kKey), IsEmpty());
}

TEST_F(Rewrite, LeavesTheStoreWhenSomethingOfTheKeyCannotGo) {
  write_bytes(path() / "topics" / "people" / "0" / "notes", as_bytes(std::string(kKey)));
  const auto before = contents_of(path());
  const Ran ran = erase({.replace = InPlace::kYes});
  EXPECT_EQ(ran.exit, Exit::kCannotRun);
  EXPECT_THAT(ran.err, HasSubstr("notes"));
  EXPECT_EQ(contents_of(path()), before);
  EXPECT_THAT(beside(), ::testing::ElementsAre("store"));
}

TEST_F(Rewrite, LeavesADamagedStoreAsItIs) {
  for (const auto& entry : fs::directory_iterator(path() / "topics" / "prices" / "0")) {
    if (entry.path().extension() == ".segment") change_byte(entry.path(), 9000, 1);
  }
  const auto before = contents_of(path());
  const Ran ran = compact({.replace = InPlace::kYes});
  EXPECT_EQ(ran.exit, Exit::kDamage);
  EXPECT_THAT(ran.err, HasSubstr("stays as it is"));
  EXPECT_EQ(contents_of(path()), before);
  EXPECT_THAT(beside(), ::testing::ElementsAre("store"));
}

TEST_F(Rewrite, RefusesWhatMakesNoSense) {
  EXPECT_THAT(compact({}).err, HasSubstr("--to DIR, --replace or --dry-run"));
  EXPECT_THAT(compact({.to = path() / "inside"}).err, HasSubstr("never written to"));
  const Ran part = run(log_tools::run_compact,
                       {.path = path() / "topics" / "people" / "0", .replace = InPlace::kYes});
  EXPECT_EQ(part.exit, Exit::kCannotRun);
  EXPECT_THAT(part.err, HasSubstr("neither a data directory nor a topic"));
  const Ran nobody = erase({.key = "nobody knows me", .replace = InPlace::kYes});
  EXPECT_EQ(nobody.exit, Exit::kClean) << nobody.err;
  EXPECT_THAT(nobody.out, HasSubstr("0 records erased"));
}

// What a killed attempt left is in nobody's way.
TEST_F(Rewrite, TakesNoNoticeOfAnAttemptThatWasKilled) {
  fs::create_directories(path().parent_path() / ".store.rewriting" / "topics");
  write_bytes(path().parent_path() / ".store.rewriting" / "catalog", as_bytes("half"));
  EXPECT_EQ(compact({.replace = InPlace::kYes}).exit, Exit::kClean);
  EXPECT_THAT(beside(), ::testing::ElementsAre("store"));
}

}  // namespace
}  // namespace bimip::testing
