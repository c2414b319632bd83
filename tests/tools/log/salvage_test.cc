// Salvage from what is no single damaged file: folders gone, bags of files, strangers,
// contradictions.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <random>

#include "tests/tools/log/command_run.h"
#include "tests/tools/log/stored_records.h"
#include "tools/log/salvage/salvage_command.h"
#include "tools/log/store_hold.h"

namespace bimip::testing {
namespace {

namespace fs = std::filesystem;
using file_names::FileKind;
using log_tools::Effect;
using log_tools::Exit;
using log_tools::Format;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

class Salvage : public ::testing::Test {
 protected:
  // Salvages into a folder of its own; what it says as JSON.
  Json salvage(const Path& from, Exit expected) {
    to_ = folder_.path() / ("salvaged-" + std::to_string(++count_));
    const Ran ran =
        run(log_tools::run_salvage, {.path = from, .to = to_, .format = Format::kJson, .jobs = 2});
    EXPECT_EQ(ran.exit, expected) << ran.out << ran.err;
    if (ran.exit == Exit::kCannotRun) return {};
    const Ran verified =
        run(log_tools::run_verify, {.path = to_, .depth = log_tools::Depth::kRecords});
    EXPECT_EQ(verified.exit, Exit::kClean) << verified.out;
    return Json::parse(ran.out);
  }
  Records salvaged() {
    const std::unique_ptr<Device> device = make_posix_device();
    const auto store = open_as_it_is(to_, *device);
    EXPECT_THAT(store->report().unusable, IsEmpty());
    return records_of(*store);
  }
  void to_be_found_again(const Path& from, const Records& survivors) {
    to_ = folder_.path() / ("salvaged-" + std::to_string(++count_));
    const Ran ran = run(log_tools::run_salvage, {.path = from, .to = to_});
    ASSERT_NE(ran.exit, Exit::kCannotRun) << ran.err;
    EXPECT_TRUE(verify_path(to_, log_tools::Depth::kRecords).is_clean());
    const Records found = salvaged();
    for (const auto& [place, record] : survivors) {
      const auto here = found.find(place);
      ASSERT_NE(here, found.end()) << place.offset.value() << "\n" << ran.out;
      EXPECT_EQ(here->second, record);
    }
  }
  [[nodiscard]] const Path& to() const { return to_; }
  [[nodiscard]] const Path& folder() const { return folder_.path(); }

 private:
  TempDirectory folder_;
  Path to_;
  int count_ = 0;
};

TEST_F(Salvage, OfAWholeStoreLosesNothing) {
  const ExampleStore store(60, ExampleStore::WithLarge::kYes);
  const Records all = records_that_check(store.path());
  const Json report = salvage(store.path(), Exit::kClean);
  EXPECT_EQ(salvaged(), all);
  EXPECT_EQ(report.at("schema"), "bimip.log.salvage/1");
  EXPECT_EQ(report.at("complete"), true);
  EXPECT_EQ(report.at("records"), all.size());
  EXPECT_THAT(report.at("doubts"), IsEmpty());
  EXPECT_TRUE(fs::exists(to() / "salvage/report.json"));
  EXPECT_TRUE(fs::exists(to() / "salvage/report.txt"));
}

TEST_F(Salvage, NeedsNeitherFoldersNorNamesNorTables) {
  const ExampleStore store;
  const Path bag = folder() / "bag";
  fs::create_directory(bag);
  int number = 0;
  for (const auto& entry : fs::recursive_directory_iterator(store.path())) {
    if (entry.path().extension() == ".segment")
      fs::copy(entry.path(), bag / ("found." + std::to_string(++number)));
  }
  const Records all = records_that_check(bag);
  ASSERT_FALSE(all.empty());
  const Json report = salvage(bag, Exit::kDamage);
  EXPECT_EQ(salvaged(), all);
  EXPECT_EQ(report.at("gaps"), 0);
  EXPECT_EQ(report.at("has_catalog"), false);
  EXPECT_EQ(report.at("topics").at(0).at("has_name"), false);
  EXPECT_EQ(report.at("topics").at(0).at("topic"), "salvaged-1");
}

TEST_F(Salvage, OfOneSegmentKeepsItsOffsets) {
  const ExampleStore store;
  const Path alone = folder() / "alone";
  fs::copy(store.partition() / file_names::segment(store.manifest().segments.at(2).epoch), alone);
  const Records all = records_that_check(folder());
  const Json report = salvage(alone, Exit::kDamage);
  EXPECT_EQ(salvaged(), all);
  const Json& partition = report.at("partitions").at(0);
  EXPECT_EQ(partition.at("offsets").at("first"), all.begin()->first.offset.value());
  EXPECT_EQ(partition.at("notes").size(), 1U) << "nobody knows what was before";
}

TEST_F(Salvage, NamesTopicsAsTheirFoldersAre) {
  const ExampleStore store;
  fs::remove(store.path() / file_names::kCatalog);
  for (const int partition : {0, 1}) fs::remove(store.partition(partition) / file_names::kManifest);
  const Records all = records_that_check(store.path());
  const Json report = salvage(store.path(), Exit::kDamage);
  EXPECT_EQ(salvaged(), all);
  std::set<std::string> names;
  for (const Json& topic : report.at("topics")) {
    names.insert(topic.at("topic"));
    EXPECT_EQ(topic.at("has_name"), true);
    EXPECT_EQ(topic.at("has_config"), false);
  }
  EXPECT_EQ(names, (std::set<std::string>{"orders", "quiet"}));
}

TEST_F(Salvage, SaysOfWhichPartitionNothingIsLeft) {
  const ExampleStore store;
  fs::remove_all(store.partition(1));
  const Json report = salvage(store.path(), Exit::kDamage);
  for (const Json& partition : report.at("partitions")) {
    const bool is_gone = partition.at("topic") == "orders" && partition.at("partition") == 1;
    EXPECT_EQ(partition.at("vanished"), is_gone);
  }
}

TEST_F(Salvage, PutsFoldersThatWereExchangedBackInOrder) {
  const ExampleStore store;
  const Records all = records_that_check(store.path());
  fs::rename(store.partition(0), store.path() / "aside");
  fs::rename(store.partition(1), store.partition(0));
  fs::rename(store.path() / "aside", store.partition(1));
  salvage(store.path(), Exit::kClean);
  EXPECT_EQ(salvaged(), all);
}

TEST_F(Salvage, KeepsBlocksOfAnotherStoreAside) {
  const ExampleStore store;
  const ExampleStore other(20);
  const Records all = records_that_check(store.path());
  fs::copy(other.sealed(), store.partition() / file_names::segment(Epoch(90)));
  const Json report = salvage(store.path(), Exit::kDamage);
  EXPECT_EQ(salvaged(), all);
  ASSERT_FALSE(report.at("doubts").empty());
  const Json& doubt = report.at("doubts").at(0);
  EXPECT_EQ(doubt.at("what"), "is of another store");
  const Path aside = Path(doubt.at("kept_in").get<std::string>()).parent_path();
  fs::create_directory(folder() / "theirs");
  fs::copy(other.sealed(), folder() / "theirs");
  const Records theirs = records_that_check(folder() / "theirs");
  EXPECT_EQ(records_that_check(aside), theirs);
  salvage(aside, Exit::kDamage);
  EXPECT_EQ(salvaged(), theirs);
}

// Two stores that were one, and each went on by itself.
TEST_F(Salvage, GuessesNotBetweenBlocksThatContradictEachOther) {
  const ExampleStore store(3);
  const TempDirectory copied;
  fs::copy(store.path(), copied.path(), fs::copy_options::recursive);
  const auto go_on = [](const Path& path, const std::string& value) {
    const std::unique_ptr<Device> device = make_posix_device();
    const auto opened = open_store(path, *device);
    LogClient log(*opened);
    for (int i = 0; i < 3; ++i) {
      if (!log.append(opened->find_topic("orders")->id, value))
        throw std::runtime_error("no append");
    }
  };
  const Records before = records_that_check(store.path());
  go_on(store.path(), "one");
  go_on(copied.path(), "other");
  const Path bag = folder() / "bag";
  fs::create_directory(bag);
  fs::copy(store.active(), bag / "one");
  fs::copy(copied.path() / fs::relative(store.active(), store.path()), bag / "other");
  const Json report = salvage(bag, Exit::kDamage);
  Records expected;
  for (const auto& [place, record] : before) {
    if (place.partition == PartitionId(0)) expected.emplace(place, record);
  }
  const Records found = salvaged();
  for (const auto& [place, record] : found)
    EXPECT_THAT(record.value, ::testing::Not(::testing::AnyOf("one", "other")))
        << place.offset.value();
  EXPECT_EQ(found, expected);
  EXPECT_GE(report.at("doubts").size(), 6U);
  EXPECT_EQ(report.at("gaps"), 1);

  // In its place one of the two is what the server would read; the other is kept aside.
  fs::copy(bag / "other", store.partition() / "found-elsewhere");
  const Records own = records_that_check(store.path() / "topics/orders/1");
  salvage(store.path(), Exit::kDamage);
  std::size_t ones = 0;
  for (const auto& [place, record] : salvaged()) {
    EXPECT_NE(record.value, "other");
    ones += record.value == "one" ? 1U : 0U;
  }
  EXPECT_EQ(ones, 3U);
}

TEST_F(Salvage, CutsATornTailAsTheServerDoes) {
  const ExampleStore store(3);
  std::vector<std::byte> bytes = read_bytes(store.active());
  // The last block with a record: behind it nothing proves that it was acknowledged once the
  // witness is gone.
  std::size_t last = 0;
  std::size_t end = limits::kSectorBytes;
  while (const Result<BlockHeader> block = decode_block_header(Bytes(bytes).subspan(end))) {
    if (block->record_count > 0) last = end;
    end += block->block_bytes;
  }
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(last) + 512,
            bytes.begin() + static_cast<std::ptrdiff_t>(end), std::byte{0});
  write_bytes(store.active(), bytes);
  for (const Path& checkpoint : store.files(FileKind::kCheckpoint)) fs::remove(checkpoint);
  const Json report = salvage(store.path(), Exit::kClean);
  EXPECT_EQ(report.at("gaps"), 0);
  EXPECT_EQ(salvaged(), records_that_check(store.path()));
}

TEST_F(Salvage, KnowsALossAgain) {
  const ExampleStore store;
  change_byte(store.sealed(), 5 * limits::kSectorBytes + 200, 8);
  const Json first = salvage(store.path(), Exit::kDamage);
  const Path once = to();
  const Json second = salvage(once, Exit::kClean);
  const auto gaps_of = [](const Json& report) {
    for (const Json& partition : report.at("partitions")) {
      if (!partition.at("gaps").empty()) return partition.at("gaps");
    }
    return Json();
  };
  ASSERT_EQ(gaps_of(first).size(), 1U);
  EXPECT_FALSE(gaps_of(first).at(0).contains("recorded"));
  EXPECT_EQ(gaps_of(second).at(0).at("offsets"), gaps_of(first).at(0).at("offsets"));
  EXPECT_EQ(gaps_of(second).at(0).at("recorded"), first.at("time"));
}

// The keys are "key 0" to "key 6" in turns.
TEST_F(Salvage, TellsWhichIncrementsOfAKeyAreLostByTheRecordsAround) {
  const ExampleStore store;
  for (const Path& directory : store.files(FileKind::kEntities)) fs::remove(directory);
  change_byte(store.sealed(), 5 * limits::kSectorBytes + 200, 8);
  const Path second = store.partition() / file_names::segment(store.manifest().segments[1].epoch);
  fs::remove(second);
  const Json report = salvage(store.path(), Exit::kDamage);
  std::map<std::uint64_t, Json> told;  // by offset
  std::uint64_t lost = 0;
  for (const Json& gap : report.at("partitions").at(0).at("gaps")) {
    for (std::uint64_t at = gap.at("offsets").at("first"); at < gap.at("offsets").at("end"); ++at)
      told[at] = gap;
    lost += gap.at("keys").size();
  }
  ASSERT_GT(told.size(), 7U) << "some key lost two";
  EXPECT_GE(lost, 7U);
  for (const auto& [offset, gap] : told) {
    const std::string key = "key " + std::to_string(offset % 7);
    const auto named = std::ranges::find(
        gap.at("keys"), key, [](const Json& one) { return one.at("key").get<std::string>(); });
    ASSERT_NE(named, gap.at("keys").end()) << key;
    const Json& increments = named->at("increments");
    for (std::uint64_t n = increments.at("first"); n < increments.at("end"); ++n)
      EXPECT_TRUE(told.contains(7 * (n - 1) + offset % 7)) << key << " was told to lack " << n;
    EXPECT_LE(increments.at("first"), offset / 7 + 1);
    EXPECT_GT(increments.at("end"), offset / 7 + 1);
  }
  const Ran words = run(log_tools::run_salvage, {.path = store.path(), .effect = Effect::kDryRun});
  EXPECT_THAT(words.out, HasSubstr("(increment"));
}

TEST_F(Salvage, LeavesATableOfLossesWithoutWhichTheyAreDamage) {
  const ExampleStore store;
  change_byte(store.sealed(), 5 * limits::kSectorBytes + 200, 8);
  salvage(store.path(), Exit::kDamage);
  const Path losses = to() / "topics/orders/0" / file_names::kLosses;
  ASSERT_TRUE(fs::exists(losses));
  EXPECT_TRUE(verify_path(to()).is_clean());
  change_byte(losses, 70, 1);
  const auto damaged = verify_path(to());
  EXPECT_FALSE(damaged.is_clean());
  EXPECT_TRUE(std::ranges::any_of(
      damaged.findings, [&](const log_tools::Finding& finding) { return finding.file == losses; }));
  fs::remove(losses);
  EXPECT_FALSE(verify_path(to()).is_clean());
}

// A rewritten segment and the one it was made of: only the later life counts, the earlier fills
// what is damaged.
TEST_F(Salvage, PrefersTheLaterLifeOfASegment) {
  const TempDirectory directory;
  const auto open = [&](std::uint64_t rate) {
    auto store = Store::open(
        {.directory = directory.path(), .free_space_floor = 0, .rewrite_bytes_per_second = rate});
    if (!store) throw std::runtime_error(store.error().message);
    return std::move(*store);
  };
  {
    const auto store = open(1);
    LogClient log(*store);
    const TopicId topic = store->create_topic("t", {.segment_bytes = 256 * 1024})->id;
    for (int i = 0; i < 90; ++i) ASSERT_TRUE(log.append(topic, "value " + std::to_string(i)));
  }
  const Path partition = directory.path() / "topics/t/0";
  const std::vector<std::byte> old = read_bytes(partition / file_names::segment(Epoch(1)));
  {
    const auto store = open(0);
    while (store->upkeep().rewrites < 1) std::this_thread::yield();
  }
  ASSERT_FALSE(fs::exists(partition / file_names::segment(Epoch(1))));
  write_bytes(partition / file_names::segment(Epoch(1)), old);
  const Records all = records_that_check(directory.path());
  const Json whole = salvage(directory.path(), Exit::kClean);
  EXPECT_EQ(salvaged(), all);
  EXPECT_GT(whole.at("partitions").at(0).at("superseded_blocks"), 10);

  const std::vector<std::byte> manifest = read_bytes(partition / file_names::kManifest);
  const SegmentIdentity whose = decode_table(TableKind::kManifest, manifest)->identity;
  const Epoch later = decode_manifest(whose, manifest)->segments.front().epoch;
  change_byte(partition / file_names::segment(later), limits::kSectorBytes + 300, 1);
  salvage(directory.path(), Exit::kClean);
  EXPECT_EQ(salvaged(), all);
}

TEST_F(Salvage, OfManyDamagesAtOnceBringsBackWhatStillChecks) {
  const char* given = std::getenv("BIMIP_TEST_SEED");
  const std::uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device()();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 15; ++round) {
    const ExampleStore store(50);
    for (const auto& entry : fs::recursive_directory_iterator(store.path())) {
      if (!entry.is_regular_file() || random() % 3 == 0) continue;
      if (random() % 8 == 0) {
        fs::remove(entry.path());
        continue;
      }
      std::vector<std::byte> bytes = read_bytes(entry.path());
      for (int i = 0; i < 3 && !bytes.empty(); ++i) bytes[random() % bytes.size()] ^= std::byte{16};
      write_bytes(entry.path(), bytes);
    }
    const Records survivors = records_that_check(store.path());
    if (survivors.empty()) continue;
    SCOPED_TRACE("BIMIP_TEST_SEED=" + std::to_string(seed) + ", round " + std::to_string(round));
    to_be_found_again(store.path(), survivors);
  }
}

TEST_F(Salvage, RefusesWhatItMustNotDo) {
  const ExampleStore store;
  const auto refused = [](const log_tools::SalvageArguments& arguments, const std::string& why) {
    const Ran ran = run(log_tools::run_salvage, arguments);
    EXPECT_EQ(ran.exit, Exit::kCannotRun);
    EXPECT_THAT(ran.err, HasSubstr(why));
    EXPECT_THAT(ran.out, IsEmpty());
  };
  refused({.path = store.path()}, "give --to DIR");
  refused({.path = store.path() / "none", .to = folder() / "new"}, "No such file");
  refused({.path = store.path(), .to = store.path() / "inside"}, "lies in");
  refused({.path = store.partition(), .to = store.path() / "inside"}, "lies in");
  refused({.path = store.path(), .to = store.path().parent_path()}, "lies in");
  write_bytes(folder() / "file", as_bytes("something"));
  refused({.path = store.path(), .to = folder()}, "is not empty");
  refused({.path = store.path(), .to = folder() / "file"}, "is not a folder");
  refused({.path = store.path(), .to = folder() / "new", .report = folder() / "file"},
          "is there already");
  refused({.path = store.path(), .to = folder() / "new", .report = store.path() / "report"},
          "never written to");
  refused({.path = folder() / "file", .to = folder() / "new"}, "nothing of a Bimip store");
  const std::unique_ptr<Device> device = make_posix_device();
  const auto running = open_store(store.path(), *device);
  refused({.path = store.path(), .to = folder() / "new"}, "a server holds this store");
  EXPECT_FALSE(fs::exists(folder() / "new"));
}

}  // namespace
}  // namespace bimip::testing
