// `bimip log ...` as it is typed.
#include <gmock/gmock.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "tests/tools/log/example_store.h"
#include "tools/bimip/log_commands.h"

namespace bimip::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Typed {
  int exit = 2;
  std::string out;
  std::string err;
};

// Its exit code is 2 when the command line is refused, as the program's is.
Typed type(std::vector<std::string> words) {
  CLI::App program("", "bimip");
  Typed typed;
  int exit = 0;
  tools::add_log_commands(program, exit);
  std::ranges::reverse(words);  // CLI11 takes them from the back
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  std::string refusal;
  try {
    program.parse(words);
    typed.exit = exit;
  } catch (const CLI::ParseError& error) {
    refusal = error.what();
  }
  typed.out = ::testing::internal::GetCapturedStdout();
  typed.err = ::testing::internal::GetCapturedStderr() + refusal;
  return typed;
}

TEST(CommandLine, VerifiesAndSaysWhetherAllIsWell) {
  const ExampleStore store;
  EXPECT_EQ(type({"log", "verify", store.path()}).exit, 0);
  EXPECT_EQ(type({"log", "verify", "--deep", "--jobs", "1", store.path()}).exit, 0);
  change_byte(store.sealed(), 5000, 1);
  const Typed typed = type({"log", "verify", store.path()});
  EXPECT_EQ(typed.exit, 1);
  EXPECT_THAT(typed.out, HasSubstr("damage: " + store.sealed().string() + ", from byte 4096"));
  EXPECT_THAT(typed.out, HasSubstr("next: "));
}

TEST(CommandLine, DumpsWhatTheFlagsSay) {
  const ExampleStore store;
  const Typed typed =
      type({"log", "dump", "--from", "2", "--to", "9", "--key", "key 1", "--header", "colour=blue",
            "--since", "2020-01-01", "--raw", store.partition().string()});
  EXPECT_EQ(typed.exit, 0) << typed.err;
  EXPECT_EQ(typed.out, std::string(3800, 'i') + "\n");
  EXPECT_THAT(type({"log", "dump", "--block", "0", store.partition().string()}).out,
              HasSubstr("magic = \"BMCB\""));
  EXPECT_THAT(type({"log", "dump", "--blocks", "--json", store.partition().string()}).out,
              HasSubstr("\"piece\":\"footer\""));
  EXPECT_THAT(type({"log", "stat", "--segments", store.path()}).out, HasSubstr("sealed"));
}

TEST(CommandLine, Salvages) {
  const ExampleStore store;
  const TempDirectory folder;
  const std::string to = folder.path() / "new";
  const Typed dry = type({"log", "salvage", store.path(), "--dry-run"});
  EXPECT_EQ(dry.exit, 0) << dry.err;
  EXPECT_THAT(dry.out, HasSubstr("nothing was written"));
  const std::string report = folder.path() / "report";
  const Typed typed =
      type({"log", "salvage", store.path(), "--to", to, "--report", report, "--jobs", "1"});
  EXPECT_EQ(typed.exit, 0) << typed.err;
  EXPECT_THAT(typed.out, HasSubstr("65 records in 3 partitions"));
  EXPECT_THAT(std::string(as_text(read_bytes(report))), HasSubstr("bimip.log.salvage/1"));
  EXPECT_EQ(type({"log", "salvage", store.path(), "--to", to}).exit, 2);
  EXPECT_EQ(type({"log", "salvage", store.path()}).exit, 2);
  change_byte(store.sealed(), 5000, 1);
  EXPECT_EQ(type({"log", "salvage", store.path(), "--to", to + "er"}).exit, 1);
}

TEST(CommandLine, ReindexesAndCompares) {
  const ExampleStore store;
  const std::string path = store.path();
  std::filesystem::remove(store.files(file_names::FileKind::kIndex).at(0));
  EXPECT_EQ(type({"log", "reindex", path, "--dry-run"}).exit, 1);
  EXPECT_EQ(type({"log", "reindex", path}).exit, 2);
  EXPECT_EQ(type({"log", "reindex", path, "--replace", "--to", path + "-to"}).exit, 2);
  EXPECT_EQ(type({"log", "reindex", path, "--replace"}).exit, 0);
  EXPECT_EQ(type({"log", "diff", path, path}).exit, 0);
  EXPECT_EQ(type({"log", "diff", store.partition(0), store.partition(1)}).exit, 1);
  EXPECT_EQ(type({"log", "diff", path}).exit, 2);
}

TEST(CommandLine, BacksUpAndRestores) {
  const ExampleStore store;
  const TempDirectory folder;
  const std::string path = store.path();
  const std::string to = folder.path() / "backup";
  EXPECT_EQ(type({"log", "backup", path}).exit, 2);
  EXPECT_EQ(type({"log", "backup", path, "--to", to}).exit, 0);
  EXPECT_EQ(type({"log", "backup", path, "--to", to, "--live", "--dry-run"}).exit, 0);
  EXPECT_EQ(type({"log", "restore", to}).exit, 2);
  EXPECT_EQ(type({"log", "restore", to, "--dry-run"}).exit, 0);
  EXPECT_THAT(type({"log", "restore", to, "--list"}).out, HasSubstr("3 partitions"));
  EXPECT_EQ(type({"log", "restore", to, "--to", to + "-new"}).exit, 0);
  EXPECT_EQ(type({"log", "diff", path, to + "-new"}).exit, 0);
  EXPECT_EQ(type({"log", "restore", to, "--to", to + "-old", "--until", "2020-01-01"}).exit, 0);
  EXPECT_EQ(type({"log", "restore", to, "--to", to + "-x", "--until", "soon"}).exit, 2);
}

TEST(CommandLine, ExtractsAndImports) {
  const ExampleStore store;
  const TempDirectory folder;
  const std::string file = folder.path() / "extract";
  const std::string path = store.path();
  EXPECT_EQ(type({"log", "extract", store.partition(), "--from", "3", "--to", "9", "--key", "key 4",
                  "--out", file})
                .exit,
            0);
  EXPECT_EQ(type({"log", "extract", store.partition(), "--out", file}).exit, 2);
  EXPECT_EQ(type({"log", "extract", store.partition(), "--until", "soon", "--dry-run"}).exit, 2);
  EXPECT_EQ(type({"log", "import", file}).exit, 2);
  EXPECT_THAT(type({"log", "import", file, "--into", path, "--topic", "quiet"}).out,
              HasSubstr("1 record stored in topic quiet"));
  EXPECT_THAT(type({"log", "import", file, "--into", path, "--topic", "quiet"}).out,
              HasSubstr("1 were there"));
}

TEST(CommandLine, RefusesWhatItCannotDo) {
  const ExampleStore store;
  const std::string path = store.path();
  EXPECT_EQ(type({"log", "verify", path + "/none"}).exit, 2);
  EXPECT_EQ(type({"log", "verify"}).exit, 2);
  EXPECT_EQ(type({"log", "verify", "--jobs", "0", path}).exit, 2);
  EXPECT_EQ(type({"log", "verify", "--repair", path}).exit, 2);
  EXPECT_EQ(type({"log", "dump", "--raw", "--json", path}).exit, 2);
  EXPECT_EQ(type({"log", "dump", "--blocks", "--from", "1", path}).exit, 2);
  EXPECT_EQ(type({"log", "dump", "--from", "-1", path}).exit, 2);
  EXPECT_EQ(type({"log", "dump", "--from", "5", "--to", "5", path}).exit, 2);
  EXPECT_EQ(type({"log", "dump", "--since", "2026-11-23", "--until", "2026-11-22", path}).exit, 2);
  EXPECT_EQ(type({"log", "dump", "--header", "novalue", path}).exit, 2);
  EXPECT_EQ(type({"log"}).exit, 2);
  const Typed typed = type({"log", "dump", "--until", "tomorrow", path});
  EXPECT_EQ(typed.exit, 2);
  EXPECT_THAT(typed.err, HasSubstr("'tomorrow' is no time"));
  EXPECT_THAT(typed.out, IsEmpty());
}

TEST(CommandLine, EndsQuietlyWhenItsReaderIsGone) {
  const ExampleStore store;
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ::close(pipe[0]);
  const int kept = ::dup(STDOUT_FILENO);
  ::dup2(pipe[1], STDOUT_FILENO);
  CLI::App program("", "bimip");
  int exit = 2;
  tools::add_log_commands(program, exit);
  ::testing::internal::CaptureStderr();
  program.parse(std::vector<std::string>{store.path(), "dump", "log"});
  ::dup2(kept, STDOUT_FILENO);
  for (const int descriptor : {kept, pipe[1]}) ::close(descriptor);
  EXPECT_EQ(exit, 0);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), IsEmpty());
}

}  // namespace
}  // namespace bimip::testing
