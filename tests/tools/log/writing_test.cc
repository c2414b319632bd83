// What all commands that write have in common: a dry run says what would be written and writes
// nothing, what does not fit is refused early, and what does not end well leaves nothing.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/tools/log/command_run.h"
#include "tests/tools/log/stored_records.h"
#include "tools/log/backup/backup_commands.h"
#include "tools/log/backup/backup_folder.h"
#include "tools/log/diff/diff_command.h"
#include "tools/log/extract/extract_command.h"
#include "tools/log/extract/import_command.h"
#include "tools/log/output_folder.h"
#include "tools/log/reindex/reindex_command.h"
#include "tools/log/rewrite/compact_command.h"
#include "tools/log/rewrite/erase_command.h"
#include "tools/log/salvage/salvage_command.h"

namespace bimip::testing {
namespace {

namespace fs = std::filesystem;
using log_tools::Effect;
using log_tools::Exit;
using log_tools::Format;
using log_tools::InPlace;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

// A store, and what of it commands read and write, each in a folder that nobody else uses.
class Bench {
 public:
  enum class Index : std::uint8_t { kThere, kLost };
  explicit Bench(Index index = Index::kThere) {
    fs::create_directories(root());
    fs::copy(example().path(), store(), fs::copy_options::recursive);
    if (index == Index::kLost) fs::remove(lost_index());
    must(run(log_tools::run_backup, {.path = store(), .to = backup()}));
    must(run(log_tools::run_extract, {.path = store() / "topics/orders", .out = extract()}));
  }
  [[nodiscard]] Path root() const { return directory_.path() / "all"; }
  [[nodiscard]] Path store() const { return root() / "store"; }
  [[nodiscard]] Path backup() const { return root() / "backup"; }
  [[nodiscard]] Path extract() const { return root() / "extract.jsonl"; }
  // Below a folder that is not there yet.
  [[nodiscard]] Path to() const { return root() / "made" / "to"; }
  [[nodiscard]] Path lost_index() const {
    return store() /
           fs::relative(example().files(file_names::FileKind::kIndex).at(1), example().path());
  }

  // Every file and folder, what is in it and when it was last written to.
  [[nodiscard]] std::map<Path, std::pair<Hash128, fs::file_time_type>> tree() const {
    std::map<Path, std::pair<Hash128, fs::file_time_type>> all;
    for (const auto& entry : fs::recursive_directory_iterator(root())) {
      const Hash128 bytes =
          entry.is_regular_file() ? xxh3_128(read_bytes(entry.path())) : Hash128{};
      all[entry.path()] = {bytes, entry.last_write_time()};
    }
    return all;
  }

 private:
  static const ExampleStore& example() {
    static const ExampleStore store;
    return store;
  }
  static void must(const Ran& ran) {
    if (ran.exit != Exit::kClean) throw std::runtime_error(ran.err);
  }
  TempDirectory directory_;
};

struct Writing {
  const char* name;
  Ran (*run)(const Bench& bench, Format format, Effect effect);
  const char* says;             // in words, in a dry run
  std::vector<const char*> as;  // fields that are in a dry run what they are when it is written
  Bench::Index index = Bench::Index::kThere;
};

std::ostream& operator<<(std::ostream& out, const Writing& writing) { return out << writing.name; }

const std::array kEveryWriting{
    Writing{
        .name = "salvage",
        .run =
            [](const Bench& bench, Format format, Effect effect) {
              return run(
                  log_tools::run_salvage,
                  {.path = bench.store(), .to = bench.to(), .format = format, .effect = effect});
            },
        .says = "65 records in 3 partitions",
        .as = {"records", "payload_bytes", "partitions", "complete"}},
    Writing{
        .name = "reindex",
        .run =
            [](const Bench& bench, Format format, Effect effect) {
              return run(
                  log_tools::run_reindex,
                  {.path = bench.store(), .to = bench.to(), .format = format, .effect = effect});
            },
        .says = "1 missing or wrong",
        .as = {"bytes_read", "bytes_written"},
        .index = Bench::Index::kLost},
    Writing{.name = "reindex --replace",
            .run =
                [](const Bench& bench, Format format, Effect effect) {
                  return run(log_tools::run_reindex, {.path = bench.store(),
                                                      .replace = InPlace::kYes,
                                                      .format = format,
                                                      .effect = effect});
                },
            .says = "1 to be written",
            .as = {"bytes_read", "bytes_written"},
            .index = Bench::Index::kLost},
    Writing{
        .name = "backup",
        .run =
            [](const Bench& bench, Format format, Effect effect) {
              return run(
                  log_tools::run_backup,
                  {.path = bench.store(), .to = bench.to(), .format = format, .effect = effect});
            },
        .says = "files to copy",
        .as = {"files_copied", "bytes_copied", "files_kept", "partitions"}},
    Writing{.name = "backup, a second one",
            .run =
                [](const Bench& bench, Format format, Effect effect) {
                  return run(log_tools::run_backup, {.path = bench.store(),
                                                     .to = bench.backup(),
                                                     .format = format,
                                                     .effect = effect});
                },
            .says = "0 files to copy",
            .as = {"files_copied", "bytes_copied", "files_kept", "partitions"}},
    Writing{
        .name = "restore",
        .run =
            [](const Bench& bench, Format format, Effect effect) {
              return run(
                  log_tools::run_restore,
                  {.path = bench.backup(), .to = bench.to(), .format = format, .effect = effect});
            },
        .says = "orders/0: offsets [0, 60)",
        .as = {"point", "bytes", "partitions"}},
    Writing{.name = "extract",
            .run =
                [](const Bench& bench, Format format, Effect effect) {
                  return run(log_tools::run_extract, {.path = bench.store() / "topics/orders",
                                                      .out = bench.to(),
                                                      .format = format,
                                                      .effect = effect});
                },
            .says = "65 records",
            .as = {"records", "value_bytes", "damaged"}},
    Writing{.name = "import",
            .run =
                [](const Bench& bench, Format format, Effect effect) {
                  return run(log_tools::run_import, {.path = bench.extract(),
                                                     .into = bench.store(),
                                                     .format = format,
                                                     .effect = effect});
                },
            .says = "65 records for topic orders",
            .as = {"records", "topic"}},
    Writing{
        .name = "compact",
        .run =
            [](const Bench& bench, Format format, Effect effect) {
              return run(
                  log_tools::run_compact,
                  {.path = bench.store(), .to = bench.to(), .format = format, .effect = effect});
            },
        .says = "SEALED BYTES",
        .as = {"before", "after", "partitions"}},
    Writing{.name = "compact --replace",
            .run =
                [](const Bench& bench, Format format, Effect effect) {
                  return run(log_tools::run_compact, {.path = bench.store(),
                                                      .replace = InPlace::kYes,
                                                      .format = format,
                                                      .effect = effect});
                },
            .says = "SEALED BYTES",
            .as = {"before", "after", "partitions"}},
    Writing{.name = "erase",
            .run =
                [](const Bench& bench, Format format, Effect effect) {
                  return run(log_tools::run_erase, {.path = bench.store(),
                                                    .topic = "orders",
                                                    .key = "key 3",
                                                    .to = bench.to(),
                                                    .format = format,
                                                    .effect = effect});
                },
            .says = "would be erased",
            .as = {"records", "record_bytes", "key"}},
    Writing{.name = "erase --replace",
            .run =
                [](const Bench& bench, Format format, Effect effect) {
                  return run(log_tools::run_erase, {.path = bench.store(),
                                                    .topic = "orders",
                                                    .key = "key 3",
                                                    .replace = InPlace::kYes,
                                                    .format = format,
                                                    .effect = effect});
                },
            .says = "would be erased",
            .as = {"records", "record_bytes", "key"}},
};

class EveryWriting : public ::testing::TestWithParam<Writing> {};

TEST_P(EveryWriting, SaysInADryRunWhatItWouldWriteAndWritesNothing) {
  const Bench bench(GetParam().index);
  const Exit in_dry_run = GetParam().index == Bench::Index::kLost ? Exit::kDamage : Exit::kClean;
  const auto before = bench.tree();
  const Ran words = GetParam().run(bench, Format::kText, Effect::kDryRun);
  EXPECT_EQ(words.exit, in_dry_run) << words.err;
  EXPECT_THAT(words.out, HasSubstr(GetParam().says));
  EXPECT_THAT(words.out, HasSubstr("(--dry-run)"));
  const Ran dry = GetParam().run(bench, Format::kJson, Effect::kDryRun);
  EXPECT_EQ(dry.exit, in_dry_run) << dry.err;
  EXPECT_TRUE(bench.tree() == before) << "something was written";

  const Ran done = GetParam().run(bench, Format::kJson, Effect::kWrite);
  EXPECT_EQ(done.exit, Exit::kClean) << done.err;
  EXPECT_FALSE(bench.tree() == before) << "nothing was written";
  const Json told = Json::parse(dry.out);
  const Json written = Json::parse(done.out);
  EXPECT_EQ(told.at("dry_run"), true);
  EXPECT_EQ(written.at("dry_run"), false);
  for (const char* field : GetParam().as) EXPECT_EQ(told.at(field), written.at(field)) << field;
}

// No file grows beyond so many bytes while this is there: to whoever writes it is as if the disk
// were full, in the midst of a file.
class FilesEnd {
 public:
  explicit FilesEnd(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &was_);
    const rlimit now{.rlim_cur = bytes, .rlim_max = was_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FilesEnd() { ::setrlimit(RLIMIT_FSIZE, &was_); }
  FilesEnd(const FilesEnd&) = delete;
  FilesEnd& operator=(const FilesEnd&) = delete;

 private:
  rlimit was_{};
};

// A store that is unharmed: whatever was to be written to it is in it, or is not.
void expect_whole(const Bench& bench) {
  const log_tools::VerifyReport verified = verify_path(bench.store(), log_tools::Depth::kRecords);
  for (const log_tools::Finding& finding : verified.findings) {
    if (finding.verdict == log_tools::Verdict::kDamage) {
      EXPECT_EQ(finding.file, bench.lost_index()) << finding.what;
    }
  }
}

TEST_P(EveryWriting, LeavesNothingWhenAWriteFails) {
  std::size_t failed = 0;
  for (const rlim_t bytes : {0U, 300U, 20'000U, 66'000U}) {
    const Bench bench(GetParam().index);
    const auto before = bench.tree();
    Ran ran;
    {
      const FilesEnd end(bytes);
      ran = GetParam().run(bench, Format::kText, Effect::kWrite);
    }
    if (ran.exit == Exit::kClean) continue;  // that was enough
    ++failed;
    EXPECT_EQ(ran.exit, Exit::kCannotRun) << bytes;
    EXPECT_THAT(ran.err, HasSubstr("bimip log: "));
    EXPECT_THAT(ran.out, IsEmpty());
    const bool keeps_some = std::string_view(GetParam().name) == "backup" && fs::exists(bench.to());
    if (keeps_some) {
      EXPECT_THAT(ran.err, HasSubstr("for the next one"));
      const Ran none = run(log_tools::run_restore, {.path = bench.to(), .to = bench.root() / "x"});
      EXPECT_THAT(none.err, HasSubstr("no backup was finished"));
      const Ran again = GetParam().run(bench, Format::kJson, Effect::kWrite);
      ASSERT_EQ(again.exit, Exit::kClean) << again.err;
      EXPECT_GT(Json::parse(again.out).at("files_kept"), 0);
    } else {
      EXPECT_FALSE(fs::exists(bench.root() / "made")) << bytes;
      for (const auto& [path, is] : bench.tree()) {
        EXPECT_THAT(path.filename().string(), Not(AnyOf(HasSubstr(".rewriting"), ".new")));
      }
    }
    expect_whole(bench);
    if (std::string_view(GetParam().name) != "import") {
      for (const auto& [path, is] : before) EXPECT_TRUE(fs::exists(path)) << path;
    }
  }
  const bool has_nothing_large = std::string_view(GetParam().name).starts_with("reindex");
  EXPECT_GE(failed, has_nothing_large ? 1 : 2);
}

INSTANTIATE_TEST_SUITE_P(Every, EveryWriting, ::testing::ValuesIn(kEveryWriting),
                         [](const ::testing::TestParamInfo<Writing>& writing) {
                           std::string name;
                           bool begins = true;
                           for (const char c : std::string_view(writing.param.name)) {
                             const bool is_letter =
                                 std::isalpha(static_cast<unsigned char>(c)) != 0;
                             if (is_letter) name += static_cast<char>(begins ? std::toupper(c) : c);
                             begins = !is_letter;
                           }
                           return name;
                         });

// A file without bytes on the disk, and larger than the disk.
void make_sparse(const Path& path) {
  write_bytes(path, {});
  fs::resize_file(path, 1ULL << 43U);
}

TEST(Room, IsLookedAtBeforeAnythingIsWritten) {
  const std::unique_ptr<Device> device = make_posix_device();
  const TempDirectory folder;
  const Path to = folder.path() / "not" / "there" / "yet";
  EXPECT_TRUE(log_tools::check_room(*device, to, 1000));
  const Status refused = log_tools::check_room(*device, to, 1ULL << 60U);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kNoSpace);
  EXPECT_THAT(refused.error().message, HasSubstr("at least 1024 PiB are to be written"));
  EXPECT_THAT(refused.error().message, HasSubstr("bytes) are missing"));
  EXPECT_FALSE(fs::exists(folder.path() / "not"));
}

TEST(Room, IsMissingForACopyOfTheStore) {
  for (const Effect effect : {Effect::kDryRun, Effect::kWrite}) {
    const Bench bench;
    make_sparse(bench.store() / "topics/orders/0/0000000001.cut-9");
    for (const Ran& ran :
         {run(log_tools::run_compact, {.path = bench.store(), .to = bench.to(), .effect = effect}),
          run(log_tools::run_erase, {.path = bench.store(),
                                     .topic = "orders",
                                     .key = "key 3",
                                     .to = bench.to(),
                                     .effect = effect})}) {
      EXPECT_EQ(ran.exit, Exit::kCannotRun);
      EXPECT_THAT(ran.err, HasSubstr("are missing; nothing was written"));
      EXPECT_FALSE(fs::exists(bench.root() / "made"));
    }
  }
}

// What a backup has already, and what it does not take, needs no room.
TEST(Room, IsEnoughForWhatABackupTakes) {
  const Bench bench;
  make_sparse(bench.store() / "topics/orders/0/0000000001.cut-9");
  const Ran ran = run(log_tools::run_backup, {.path = bench.store(), .to = bench.to()});
  EXPECT_EQ(ran.exit, Exit::kClean) << ran.err;
}

TEST(Room, IsMissingForARestoreAndNothingIsLeft) {
  const Bench bench;
  auto points = *log_tools::read_points(bench.backup());
  log_tools::BackupPoint point = points.begin()->second;
  for (log_tools::BackupFile& file : point.partitions.at(0).files) {
    if (file.name.ends_with(".index")) file.bytes = 1ULL << 43U;
  }
  const std::string text = log_tools::encode_point(point);
  write_bytes(bench.backup() / "points" / (points.begin()->first + ".json"), as_bytes(text));
  for (const Effect effect : {Effect::kDryRun, Effect::kWrite}) {
    const Ran ran =
        run(log_tools::run_restore, {.path = bench.backup(), .to = bench.to(), .effect = effect});
    EXPECT_EQ(ran.exit, Exit::kCannotRun);
    EXPECT_THAT(ran.err, HasSubstr("are missing; nothing was written"));
    EXPECT_FALSE(fs::exists(bench.root() / "made"));
  }
}

TEST(Refused, LeavesNoFolder) {
  const Bench bench;
  fs::create_directories(bench.to());
  for (const auto& entry : fs::recursive_directory_iterator(bench.backup() / "data")) {
    if (entry.path().string().find(".segment.") == std::string::npos) continue;
    change_byte(entry.path(), fs::file_size(entry.path()) / 2, 4);
    break;
  }
  const Ran damaged = run(log_tools::run_restore, {.path = bench.backup(), .to = bench.to()});
  EXPECT_EQ(damaged.exit, Exit::kCannotRun);
  EXPECT_THAT(damaged.err, HasSubstr("is not what was"));
  EXPECT_TRUE(fs::is_empty(bench.to())) << "it was there, and empty";
  const Path missing = bench.root() / "missing" / "to";
  EXPECT_EQ(run(log_tools::run_restore, {.path = bench.backup(), .to = missing}).exit,
            Exit::kCannotRun);
  EXPECT_FALSE(fs::exists(bench.root() / "missing"));

  fs::remove(bench.store() / "topics/orders/1/manifest");
  const Ran unlisted = run(log_tools::run_reindex, {.path = bench.store(), .to = missing});
  EXPECT_EQ(unlisted.exit, Exit::kCannotRun);
  EXPECT_FALSE(fs::exists(bench.root() / "missing"));
}

// The store is the salvage's result, and has the report; a copy of it that cannot be written is no
// reason to throw a day's work away.
TEST(Refused, KeepsASalvagedStoreWhoseReportGoesNowhere) {
  const Bench bench;
  write_bytes(bench.root() / "file", {});
  const Ran ran =
      run(log_tools::run_salvage,
          {.path = bench.store(), .to = bench.to(), .report = bench.root() / "file" / "report"});
  EXPECT_EQ(ran.exit, Exit::kCannotRun);
  EXPECT_THAT(ran.err, HasSubstr("is whole; the report is in"));
  EXPECT_TRUE(verify_path(bench.to()).is_clean());
  EXPECT_TRUE(fs::exists(bench.to() / "salvage/report.json"));
}

}  // namespace
}  // namespace bimip::testing
