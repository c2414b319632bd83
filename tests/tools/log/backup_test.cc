// A backup is what the store was; a restore is what the backup was, or what it was before a time.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "engine/format/entity_base.h"
#include "tests/tools/log/command_run.h"
#include "tests/tools/log/stored_records.h"
#include "tools/log/active_prefix.h"
#include "tools/log/backup/backup_commands.h"
#include "tools/log/backup/backup_folder.h"
#include "tools/log/diff/diff_command.h"

namespace bimip::testing {
namespace {

namespace fs = std::filesystem;
using log_tools::Effect;
using log_tools::Exit;
using log_tools::Format;
using log_tools::Holding;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class Backup : public ::testing::Test {
 protected:
  [[nodiscard]] const ExampleStore& store() const { return store_; }
  [[nodiscard]] Path backup() const { return folder_.path() / "backup"; }
  [[nodiscard]] Path folder() const { return folder_.path(); }

  Json back_up(Exit expected = Exit::kClean, Holding holding = Holding::kHeld) {
    const Ran ran = run(log_tools::run_backup, {.path = store_.path(),
                                                .to = backup(),
                                                .holding = holding,
                                                .format = Format::kJson,
                                                .jobs = 2});
    EXPECT_EQ(ran.exit, expected) << ran.out << ran.err;
    return ran.exit == Exit::kCannotRun ? Json() : Json::parse(ran.out);
  }
  Path restore(log_tools::RestoreArguments arguments = {}, Exit expected = Exit::kClean) {
    arguments.path = backup();
    arguments.to = folder() / ("restored-" + std::to_string(++count_));
    arguments.jobs = 2;
    const Ran ran = run(log_tools::run_restore, arguments);
    EXPECT_EQ(ran.exit, expected) << ran.out << ran.err;
    return *arguments.to;
  }
  static void expect_equal(const Path& first, const Path& second) {
    const Ran ran = run(log_tools::run_diff, {.first = first, .second = second});
    EXPECT_EQ(ran.exit, Exit::kClean) << ran.out;
  }
  void append(const std::string& value, int count = 1) {
    const std::unique_ptr<Device> device = make_posix_device();
    const auto opened = open_store(store_.path(), *device);
    LogClient log(*opened);
    for (int i = 0; i < count; ++i) {
      if (!log.append(opened->find_topic("orders")->id, value))
        throw std::runtime_error("no append");
    }
  }

 private:
  ExampleStore store_{60, ExampleStore::WithLarge::kYes};
  TempDirectory folder_;
  int count_ = 0;
};

TEST_F(Backup, IsRestoredAsTheStoreWas) {
  const auto before = contents_of(store().path());
  back_up();
  EXPECT_EQ(contents_of(store().path()), before);
  const Path restored = restore();
  EXPECT_TRUE(verify_path(restored, log_tools::Depth::kRecords).is_clean());
  expect_equal(store().path(), restored);
  const std::unique_ptr<Device> device = make_posix_device();
  const auto opened = open_as_it_is(restored, *device);
  EXPECT_TRUE(opened->report().unusable.empty());
  LogClient log(*opened);
  EXPECT_EQ(log.append(opened->find_topic("orders")->id, "more")->first, Offset(60));
}

TEST_F(Backup, CopiesASealedSegmentOnce) {
  const Json first = back_up();
  EXPECT_EQ(first.at("files_kept"), 0);
  const Json again = back_up();
  EXPECT_EQ(again.at("files_copied"), 0);
  EXPECT_EQ(again.at("files_kept"), first.at("files_copied"));
  const std::size_t sealed = store().files(file_names::FileKind::kIndex).size();
  append(std::string(3800, 'm'), 20);
  const Json third = back_up();
  // Each sealed segment and its index stay; the manifest, the producers, the active segment and
  // what was sealed since are new.
  EXPECT_GE(third.at("files_kept"), 2 * sealed);
  EXPECT_LE(third.at("bytes_copied"), 40U * 4096U);
  expect_equal(store().path(), restore());
}

TEST_F(Backup, KeepsEachPointInTime) {
  const std::string point = back_up().at("point");
  const Path was = folder() / "was";
  fs::copy(store().path(), was, fs::copy_options::recursive);
  append("later", 3);
  back_up();
  expect_equal(store().path(), restore());
  expect_equal(was, restore({.point = point}));
  const Ran list =
      run(log_tools::run_restore, {.path = backup(), .list = log_tools::Listing::kYes});
  EXPECT_THAT(list.out, HasSubstr(point));
  EXPECT_EQ(std::ranges::count(list.out, '\n'), 2);
}

TEST_F(Backup, EndsBeforeATimeWhenThatIsAsked) {
  back_up();
  const Records all = records_that_check(store().path());
  std::set<Timestamp> times;
  for (const auto& [place, record] : all) times.insert(record.timestamp);
  ASSERT_GT(times.size(), 50U);
  std::vector<Timestamp> chosen{*times.begin(), *times.rbegin(),
                                *times.rbegin() + std::chrono::seconds(1)};
  for (const std::size_t part : {7U, 20U, 33U, 48U, 66U})
    chosen.push_back(
        *std::next(times.begin(), static_cast<std::ptrdiff_t>(std::min(part, times.size() - 1))));
  for (const Timestamp until : chosen) {
    const Path restored = restore({.until = until});
    EXPECT_TRUE(verify_path(restored, log_tools::Depth::kRecords).is_clean())
        << to_text(verify_path(restored, log_tools::Depth::kRecords));
    Records expected = all;
    std::erase_if(expected, [&](const auto& e) { return e.second.timestamp >= until; });
    const std::unique_ptr<Device> device = make_posix_device();
    const auto opened = open_as_it_is(restored, *device);
    EXPECT_TRUE(opened->report().unusable.empty());
    EXPECT_EQ(records_of(*opened), expected);
    LogClient log(*opened);
    for (const auto& [place, record] : all) {
      if (!record.producer) continue;
      RecordFields fields = value_record("again");
      fields.producer = record.producer;
      const Offset end = opened->bounds(place.topic, place.partition)->visible_end;
      const Result<Appended> answer = log.append(place.topic, std::vector{fields}, place.partition);
      ASSERT_TRUE(answer) << answer.error().message;
      EXPECT_EQ(answer->at(0), expected.contains(place) ? place.offset : end);
    }
  }
}

// What retention took is known by the entity base alone: also in a log that is cut, before the
// base's end or behind it.
TEST_F(Backup, KeepsWhatIsKnownOfEntitiesWhoseRecordsAreGone) {
  Offset end;
  {
    const std::unique_ptr<Device> device = make_posix_device();
    const auto opened = open_store(store().path(), *device);
    LogClient log(*opened);
    const TopicId topic =
        opened
            ->create_topic("kept", {.segment_bytes = limits::kSegmentBytesMin,
                                    .retention_bytes = 4 * limits::kSegmentBytesMin})
            ->id;
    const auto put = [&](const std::string& key) {
      if (!log.append(topic, {value_record(std::string(3800, 'k'), key)}))
        throw std::runtime_error("no append");
    };
    for (int i = 0; i < 5; ++i) put("early");
    for (int i = 0; i < 200; ++i) put("later");
    const auto start = [&] { return opened->bounds(topic, PartitionId(0))->start; };
    for (int i = 0; i < 200 && start() < Offset(100); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ASSERT_GT(start(), Offset(5));
    for (int i = 0; i < 20; ++i) put("later");
    end = opened->bounds(topic, PartitionId(0))->visible_end;
  }
  back_up();
  std::vector<Timestamp> times;
  for (const auto& [place, record] : records_that_check(store().path())) {
    if (record.key == "later") times.push_back(record.timestamp);
  }
  ASSERT_GT(times.size(), 30U);
  for (const std::size_t part : {times.size() / 4, times.size() / 2, times.size() - 5}) {
    const Path restored = restore({.until = times[part]});
    const std::unique_ptr<Device> device = make_posix_device();
    const auto opened = open_as_it_is(restored, *device);
    for (const PartitionReport& report : opened->report().partitions)
      EXPECT_THAT(report.notes, ::testing::IsEmpty());
    LogClient log(*opened);
    const TopicId topic = opened->find_topic("kept")->id;
    EXPECT_EQ(log.find_entity(topic, "early")->last_increment, IncrementId(5));
    const Offset cut = opened->bounds(topic, PartitionId(0))->visible_end;
    EXPECT_LT(cut, end);
    EXPECT_EQ(log.find_entity(topic, "later")->last_increment.value(), cut.value() - 5);
    ASSERT_TRUE(log.append(topic, {value_record("new", "somebody new")}));
    EXPECT_EQ(log.find_entity(topic, "somebody new")->last_increment, IncrementId(1));
  }
}

// What compaction took, too, of a log that begins at offset 0; cut so early that the base, which
// has more entities than the log has offsets then, cannot be that log's.
TEST_F(Backup, KeepsIncrementsFromBeingUsedTwiceInACompactedLog) {
  constexpr std::uint64_t kKeys = 20;
  constexpr std::uint64_t kOthers = 1000;
  const auto key_of = [](std::uint64_t i) { return "key " + std::to_string(i % kKeys); };
  const std::string value(3800, 'n');
  std::vector<Timestamp> times;
  {
    const std::unique_ptr<Device> device = make_posix_device();
    const auto opened = open_store(store().path(), *device);
    LogClient log(*opened);
    const TopicId topic = opened
                              ->create_topic("newest", {.segment_bytes = limits::kSegmentBytesMin,
                                                        .compaction = Compaction::kNewest})
                              ->id;
    const auto put = [&](std::uint64_t i) {
      ASSERT_TRUE(log.append(topic, {value_record(value, key_of(i))}));
    };
    for (std::uint64_t i = 0; i < 300; ++i) {
      const auto now = std::chrono::system_clock::now();
      times.push_back(std::chrono::floor<std::chrono::microseconds>(now));
      put(i);
    }
    std::vector<std::string> others;
    for (std::uint64_t i = 0; i < kOthers; ++i) others.push_back("other " + std::to_string(i));
    std::vector<RecordFields> fields;
    for (const std::string& key : others) fields.push_back(value_record("", key));
    ASSERT_TRUE(log.append(topic, std::move(fields)));
    const Path base = store().path() / "topics/newest/0" / file_names::kEntityBase;
    const auto entities_in_base = [&] {
      const std::vector<std::byte> bytes = read_bytes(base);
      const auto header = decode_entity_base_header(Bytes(bytes).first(kEntityPageBytes));
      return header ? header->entities : 0;
    };
    for (std::uint64_t i = 0; i < 100; ++i) put(i);
    for (int i = 0; i < 400 && (!fs::exists(base) || entities_in_base() < kOthers); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ASSERT_GE(entities_in_base(), kOthers);
  }
  back_up();
  for (const std::size_t part : {std::size_t{7}, std::size_t{150}, std::size_t{290}}) {
    const Path restored = restore({.until = times[part]});
    const Ran verified =
        run(log_tools::run_verify, {.path = restored, .depth = log_tools::Depth::kRecords});
    EXPECT_EQ(verified.exit, Exit::kClean) << verified.out;
    const std::unique_ptr<Device> device = make_posix_device();
    const auto opened = open_as_it_is(restored, *device);
    LogClient log(*opened);
    const TopicId topic = opened->find_topic("newest")->id;
    const std::uint64_t cut = opened->bounds(topic, PartitionId(0))->visible_end.value();
    ASSERT_GE(cut, part);
    for (std::uint64_t key = 0; key < kKeys; ++key) {
      ASSERT_TRUE(log.append(topic, {value_record("again", key_of(key))}));
      const std::uint64_t had = (std::min<std::uint64_t>(cut, 300) + kKeys - 1 - key) / kKeys;
      EXPECT_GT(log.find_entity(topic, key_of(key))->last_increment.value(), had) << key;
    }
  }
}

TEST_F(Backup, NoticesThatItWasDamaged) {
  back_up();
  std::size_t tried = 0;
  for (const auto& entry : fs::recursive_directory_iterator(backup())) {
    if (!entry.is_regular_file() || fs::file_size(entry.path()) == 0 ||
        entry.path().filename() == log_tools::kBackupLock || ++tried % 3 != 0)
      continue;
    const std::uint64_t middle = fs::file_size(entry.path()) / 2;
    change_byte(entry.path(), middle, 4);
    for (const Effect effect : {Effect::kDryRun, Effect::kWrite}) {
      const Path to = folder() / "refused";
      const Ran ran = run(log_tools::run_restore, {.path = backup(), .to = to, .effect = effect});
      EXPECT_EQ(ran.exit, Exit::kCannotRun) << entry.path();
      EXPECT_THAT(ran.err, HasSubstr(entry.path().string()));
      EXPECT_FALSE(fs::exists(to / file_names::kCatalog));
      fs::remove_all(to);
    }
    change_byte(entry.path(), middle, 4);
  }
  EXPECT_GT(tried, 15U);
  restore();
}

TEST_F(Backup, OfDamageSaysSoAndTakesItAsItIs) {
  change_byte(store().sealed(), 5 * limits::kSectorBytes + 200, 8);
  const Json report = back_up(Exit::kDamage);
  ASSERT_FALSE(report.at("findings").empty());
  EXPECT_EQ(report.at("findings").at(0).at("file"), store().sealed().string());
  const Path restored = restore({}, Exit::kDamage);
  EXPECT_EQ(read_bytes(restored / fs::relative(store().sealed(), store().path())),
            read_bytes(store().sealed()));
}

TEST_F(Backup, ThatWasCutShortIsNoneAndItsFilesAreUsed) {
  back_up();
  fs::remove_all(backup() / log_tools::kBackupPoints);
  fs::create_directory(backup() / log_tools::kBackupPoints);
  write_bytes(backup() / "data/orders/0/0000000001.segment.new", as_bytes("half"));
  const Ran none = run(log_tools::run_restore, {.path = backup(), .to = folder() / "none"});
  EXPECT_EQ(none.exit, Exit::kCannotRun);
  EXPECT_THAT(none.err, HasSubstr("no backup was finished"));
  const Json again = back_up();
  EXPECT_EQ(again.at("files_copied"), 0);
  expect_equal(store().path(), restore());
}

TEST_F(Backup, OfAStoreThatIsWrittenIsAPrefixOfIt) {
  const std::unique_ptr<Device> device = make_posix_device();
  const auto opened = open_store(store().path(), *device);
  back_up(Exit::kCannotRun);
  const TopicId topic = opened->find_topic("orders")->id;
  std::atomic<bool> is_over{false};
  std::atomic<std::uint64_t> stored{60};
  std::thread writer([&] {
    LogClient log(*opened);
    while (!is_over) {
      if (log.append(topic, "number " + std::to_string(stored.load()))) ++stored;
    }
  });
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t least = stored;
    while (stored < least + 30) std::this_thread::yield();
    const std::uint64_t acknowledged = stored;
    back_up(Exit::kClean, Holding::kLive);
    const Path restored = restore();
    EXPECT_TRUE(verify_path(restored, log_tools::Depth::kRecords).is_clean())
        << to_text(verify_path(restored));
    std::uint64_t count = 0;
    for (const auto& [place, record] : records_that_check(restored / "topics/orders/0")) {
      EXPECT_EQ(place.offset, Offset(count)) << "a hole";
      if (count >= 60) {
        EXPECT_EQ(record.value, "number " + std::to_string(count));
      }
      ++count;
    }
    EXPECT_GE(count, acknowledged);
  }
  is_over = true;
  writer.join();
}

TEST_F(Backup, RefusesWhatItMustNotDo) {
  const auto refused = [](const log_tools::BackupArguments& arguments, const std::string& why) {
    const Ran ran = run(log_tools::run_backup, arguments);
    EXPECT_EQ(ran.exit, Exit::kCannotRun);
    EXPECT_THAT(ran.err, HasSubstr(why));
  };
  refused({.path = store().path(), .to = store().path() / "backup"}, "does not lie in its store");
  refused({.path = store().partition(), .to = backup()}, "is a part of a Bimip data directory");
  write_bytes(folder() / "something", as_bytes("else"));
  refused({.path = store().path(), .to = folder()}, "neither empty nor a backup");
  back_up();
  const ExampleStore other(3);
  refused({.path = other.path(), .to = backup()}, "another store");
  const Ran full = run(log_tools::run_restore, {.path = backup(), .to = folder()});
  EXPECT_THAT(full.err, HasSubstr("lies in"));
  const Ran unknown = run(log_tools::run_restore,
                          {.path = backup(), .to = folder() / "new", .point = "20200101T000000Z"});
  EXPECT_THAT(unknown.err, HasSubstr("there is no point"));
}

TEST_F(Backup, DryRunWritesNothing) {
  const Ran dry = run(log_tools::run_backup,
                      {.path = store().path(), .to = backup(), .effect = Effect::kDryRun});
  EXPECT_EQ(dry.exit, Exit::kClean) << dry.err;
  EXPECT_FALSE(fs::exists(backup()));
  EXPECT_THAT(dry.out, HasSubstr("to copy"));
}

// Blocks on their way arrive in any order; a later one that knew of none of them proves nothing.
TEST(ActivePrefix, EndsBeforeWhatDidNotArriveAndPassesWhatRotted) {
  const ExampleStore store(12);
  const Path active = store.active(1);
  SegmentIdentity identity = store.manifest(1).partition;
  identity.epoch = store.manifest(1).segments.back().epoch;
  std::vector<std::byte> bytes = read_bytes(active);
  std::vector<BlockHeader> blocks;
  for (std::size_t at = limits::kSectorBytes;;) {
    const Result<BlockHeader> block = decode_block_header(Bytes(bytes).subspan(at));
    if (!block) break;
    blocks.push_back(*block);
    at += block->block_bytes;
  }
  ASSERT_GE(blocks.size(), 5U);
  const auto whole = log_tools::measure_active(active, identity);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->end, blocks.back().position + blocks.back().block_bytes);
  EXPECT_EQ(whole->next_offset, Offset(5));
  EXPECT_THAT(whole->damage, ::testing::IsEmpty());

  const auto without = [&](std::size_t missing, std::size_t behind) {
    std::vector<std::byte> changed = bytes;
    std::fill_n(changed.begin() + static_cast<std::ptrdiff_t>(blocks[missing].position.value()),
                blocks[missing].block_bytes, std::byte{0});
    const auto rest =
        changed.begin() + static_cast<std::ptrdiff_t>(blocks[behind].position.value());
    std::fill(rest, changed.end(), std::byte{0});
    write_bytes(active, changed);
    return *log_tools::measure_active(active, identity);
  };
  // Block 2 is missing; block 3 was made when 2 was durable.
  const auto rotten = without(2, 4);
  EXPECT_EQ(rotten.end, blocks[4].position);
  EXPECT_THAT(rotten.damage, HasSubstr("no good block"));
  const auto torn = without(2, 3);
  EXPECT_EQ(torn.end, blocks[2].position);
  EXPECT_EQ(torn.next_offset, blocks[2].base_offset);
}

}  // namespace
}  // namespace bimip::testing
