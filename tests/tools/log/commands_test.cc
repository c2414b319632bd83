#include "tools/log/commands.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <sstream>

#include "tests/tools/log/command_run.h"
#include "tests/tools/log/example_store.h"
#include "tools/log/layout.h"
#include "tools/log/text.h"

namespace bimip::testing {
namespace {

using log_tools::Exit;
using log_tools::Format;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

std::vector<std::uint64_t> offsets_of(const Ran& ran) {
  std::vector<std::uint64_t> offsets;
  for (const Json& line : ran.lines()) offsets.push_back(line.at("offset"));
  return offsets;
}

log_tools::DumpArguments dump_of(const Path& path) {
  return {.path = path, .format = Format::kJson};
}

// Position of the first record's block of the first sealed segment.
FilePosition first_block() { return FilePosition(limits::kSectorBytes); }

TEST(Stat, CountsWhatTheStoreHolds) {
  const ExampleStore store;
  const Ran ran = run(log_tools::run_stat, {.path = store.path(), .format = Format::kJson});
  EXPECT_EQ(ran.exit, Exit::kClean);
  const Json json = Json::parse(ran.out);
  EXPECT_EQ(json.at("topics"), 2);
  EXPECT_EQ(json.at("total").at("records"), 65);
  const Json& largest = json.at("partitions").at(0);
  EXPECT_EQ(largest.at("topic"), "orders");
  EXPECT_EQ(largest.at("partition"), 0);
  EXPECT_EQ(largest.at("offsets").at("end"), 60);
  std::uint64_t records = 0;
  std::uint64_t next = 0;
  for (const Json& segment : largest.at("segments")) {
    if (segment.at("state") == "prepared") continue;
    EXPECT_EQ(segment.at("offsets").at("first"), next);
    next = segment.at("offsets").at("end");
    records += segment.at("records").get<std::uint64_t>();
  }
  EXPECT_EQ(next, 60U);
  EXPECT_EQ(records, 60U);
}

TEST(Stat, IsReadByPeople) {
  const ExampleStore store;
  const Ran ran = run(log_tools::run_stat, {.path = store.path()});
  EXPECT_THAT(ran.out, HasSubstr("TOPIC   PART  SEGMENTS  OFFSETS"));
  EXPECT_THAT(ran.out, HasSubstr("[0, 60)"));
  EXPECT_LT(ran.out.find("orders     0"), ran.out.find("quiet      0"))
      << "the largest comes first";
  EXPECT_THAT(run(log_tools::run_stat, {.path = store.partition()}).out, HasSubstr("sealed"));
}

TEST(Stat, TellsSpareSpaceBesideTheTotal) {
  const ExampleStore store;
  const auto stat = [&] {
    return Json::parse(
        run(log_tools::run_stat, {.path = store.path(), .format = Format::kJson}).out);
  };
  const Json before = stat();
  std::filesystem::create_directory(store.path() / file_names::kSpares);
  write_bytes(store.path() / file_names::kSpares / file_names::spare(7),
              std::vector<std::byte>(65536));
  EXPECT_GT(stat().at("spare_disk_bytes"), before.at("spare_disk_bytes"));
  EXPECT_EQ(stat().at("total"), before.at("total"));
}

TEST(Stat, SaysWhatItCannotKnow) {
  const ExampleStore store;
  write_bytes(store.partition() / "manifest", as_bytes("rubbish"));
  const Ran ran = run(log_tools::run_stat, {.path = store.path()});
  EXPECT_EQ(ran.exit, Exit::kDamage);
  EXPECT_THAT(ran.err, HasSubstr("manifest"));
  EXPECT_THAT(ran.out, HasSubstr("[0, 60)")) << "the segments are read instead";
}

TEST(Dump, WritesEveryRecordInOrder) {
  const ExampleStore store;
  const Ran ran = run(log_tools::run_dump, dump_of(store.partition()));
  EXPECT_EQ(ran.exit, Exit::kClean) << ran.err;
  std::vector<std::uint64_t> expected(60);
  std::iota(expected.begin(), expected.end(), 0U);
  EXPECT_EQ(offsets_of(ran), expected);
  const Json line = ran.lines().at(40);
  EXPECT_EQ(line.at("topic"), "orders");
  EXPECT_EQ(line.at("key"), "key 5");
  EXPECT_EQ(line.at("value"), std::string(3800, 'o'));
  EXPECT_EQ(line.at("number"), 40);
  EXPECT_EQ(line.at("producer"), "00000000000000010000000000000002");
  EXPECT_EQ(line.at("headers").at(0).at("name"), "colour");
  EXPECT_EQ(line.at("headers").at(0).at("value"), "blue");
  EXPECT_EQ(ran.lines().at(39).at("idempotency_key"), "once 39");
}

TEST(Dump, TakesOnlyWhatIsAskedFor) {
  const ExampleStore store;
  auto arguments = dump_of(store.partition());
  arguments.filter.offsets = {Offset(37), Offset(41)};
  EXPECT_EQ(offsets_of(run(log_tools::run_dump, arguments)),
            (std::vector<std::uint64_t>{37, 38, 39, 40}));
  arguments.filter.headers = {{.name = "colour", .value = "red"}};
  EXPECT_EQ(offsets_of(run(log_tools::run_dump, arguments)), (std::vector<std::uint64_t>{37, 39}));
  arguments.filter.key = "key 4";
  EXPECT_EQ(offsets_of(run(log_tools::run_dump, arguments)), (std::vector<std::uint64_t>{39}));

  auto first = dump_of(store.partition());
  first.count_max = 3;
  EXPECT_EQ(offsets_of(run(log_tools::run_dump, first)), (std::vector<std::uint64_t>{0, 1, 2}));
  first.count_max = 0;
  EXPECT_THAT(run(log_tools::run_dump, first).out, IsEmpty());
}

TEST(Dump, TakesRecordsByTime) {
  const ExampleStore store;
  const auto all = run(log_tools::run_dump, dump_of(store.partition())).lines();
  auto arguments = dump_of(store.partition());
  arguments.filter.since = log_tools::parse_time(all.at(30).at("time").get<std::string>()).value();
  arguments.filter.until = log_tools::parse_time(all.at(45).at("time").get<std::string>()).value();
  std::vector<std::uint64_t> expected;
  for (const Json& line : all) {
    if (line.at("time") >= all.at(30).at("time") && line.at("time") < all.at(45).at("time"))
      expected.push_back(line.at("offset"));
  }
  EXPECT_EQ(offsets_of(run(log_tools::run_dump, arguments)), expected);
}

TEST(Dump, WritesRawValues) {
  const ExampleStore store;
  const Ran ran = run(log_tools::run_dump, {.path = store.partition(1), .format = Format::kRaw});
  EXPECT_EQ(ran.out, "small 0\nsmall 1\nsmall 2\nsmall 3\nsmall 4\n");
}

TEST(Dump, WritesBytesThatAreNoTextInBase64) {
  const TempDirectory directory;
  {
    const std::unique_ptr<Device> device = make_posix_device();
    const auto store = open_store(directory.path(), *device);
    LogClient log(*store);
    const TopicId topic = store->create_topic("bytes", {})->id;
    ASSERT_TRUE(log.append(topic, std::vector{value_record("\xFF\x01", "k\xFE")}));
  }
  const Ran ran = run(log_tools::run_dump, dump_of(directory.path()));
  EXPECT_EQ(ran.lines().at(0).at("value_base64"), "/wE=");
  EXPECT_EQ(ran.lines().at(0).at("key_base64"), "a/4=");
  EXPECT_FALSE(ran.lines().at(0).contains("value"));
}

TEST(Dump, PassesOverDamageAndSaysSo) {
  const ExampleStore store;
  const auto before = offsets_of(run(log_tools::run_dump, dump_of(store.partition())));
  change_byte(store.sealed(), first_block().value() + 300, 4);
  const Ran ran = run(log_tools::run_dump, dump_of(store.partition()));
  EXPECT_EQ(ran.exit, Exit::kDamage);
  const Json finding = Json::parse(ran.err);
  EXPECT_EQ(finding.at("verdict"), "damage");
  EXPECT_EQ(finding.at("from"), first_block().value());
  const std::uint64_t end = finding.at("offsets").at("end");
  EXPECT_EQ(offsets_of(ran), (std::vector<std::uint64_t>(
                                 before.begin() + static_cast<std::ptrdiff_t>(end), before.end())));
}

TEST(Dump, FindsAllWithoutManifestAndIndex) {
  const ExampleStore store;
  std::filesystem::remove(store.partition() / "manifest");
  for (const Path& index : store.files(file_names::FileKind::kIndex))
    std::filesystem::remove(index);
  auto arguments = dump_of(store.partition());
  arguments.filter.offsets.first = Offset(10);
  const Ran ran = run(log_tools::run_dump, arguments);
  EXPECT_EQ(ran.exit, Exit::kDamage);
  EXPECT_EQ(offsets_of(ran).size(), 50U);
}

TEST(Dump, EndsWhenNobodyReads) {
  const ExampleStore store;
  int calls = 0;
  const Exit exit = log_tools::run_dump(dump_of(store.path()), {.out =
                                                                    [&](std::string_view) {
                                                                      ++calls;
                                                                      return false;
                                                                    },
                                                                .err = [](std::string_view) {}});
  EXPECT_EQ(exit, Exit::kClean);
  EXPECT_EQ(calls, 1);
}

TEST(Layout, CoversTheWholeFile) {
  const ExampleStore store;
  for (const Path& path : {store.sealed(), store.active()}) {
    const Ran ran = run(log_tools::run_layout, {.path = path, .format = Format::kJson});
    EXPECT_EQ(ran.exit, Exit::kClean) << ran.err;
    std::uint64_t next = 0;
    for (const Json& piece : ran.lines()) {
      EXPECT_EQ(piece.at("from"), next);
      next = piece.at("end");
    }
    EXPECT_EQ(next, std::filesystem::file_size(path));
  }
  const auto pieces = run(log_tools::run_layout, {.path = store.sealed(), .format = Format::kJson});
  EXPECT_EQ(pieces.lines().back().at("piece"), "footer");
}

TEST(Layout, ShowsABlockFieldByField) {
  const ExampleStore store;
  const log_tools::LayoutArguments arguments{
      .path = store.partition(), .format = Format::kJson, .block = BlockNumber(0)};
  const Ran ran = run(log_tools::run_layout, arguments);
  ASSERT_EQ(ran.exit, Exit::kClean) << ran.err;
  const Json block = ran.lines().at(0);
  std::uint64_t next = 0;
  std::map<std::string, std::string> values;
  for (const Json& field : block.at("fields")) {
    EXPECT_EQ(field.at("at"), next) << field;
    next += field.at("bytes").get<std::uint64_t>();
    values[field.at("name")] = field.at("value");
  }
  EXPECT_EQ(next, block.at("end").get<std::uint64_t>() - block.at("from").get<std::uint64_t>());
  EXPECT_EQ(values.at("magic"), "\"BMCB\"");
  EXPECT_EQ(values.at("position"), "4096");
  EXPECT_EQ(values.at("record 0: key"), "\"key 0\"");
  EXPECT_EQ(values.at("record 0: idempotency key"), "\"once 0\"");
  EXPECT_EQ(values.at("record 0: header name"), "\"colour\"");
  EXPECT_EQ(values.at("record 0: attributes"), "27 (key, entity, idempotency key, headers)");
  EXPECT_FALSE(values.contains("not readable"));
}

TEST(Layout, ShowsABrokenBlockToo) {
  const ExampleStore store;
  change_byte(store.sealed(), first_block().value() + 30, 1);
  const Ran ran = run(log_tools::run_layout, {.path = store.partition(), .block = BlockNumber(0)});
  EXPECT_THAT(ran.out, HasSubstr("fails its checksum"));
  EXPECT_THAT(ran.out, HasSubstr("block number = 0"));
}

TEST(Layout, ReadsAnyBytesAsABlock) {
  std::mt19937 random(7);
  const ExampleStore store(3);
  const std::vector<std::byte> file = read_bytes(store.active());
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::byte> block(file.begin() + 4096, file.begin() + 8192);
    for (int i = 0; i < 4; ++i) block[random() % 400] = static_cast<std::byte>(random());
    block.resize(random() % (block.size() + 1));
    const std::vector<log_tools::Field> fields = log_tools::annotate_block(block);
    std::size_t next = 0;
    for (const log_tools::Field& field : fields) {
      ASSERT_EQ(field.at, next);
      next += field.bytes;
    }
    ASSERT_EQ(next, block.size());
    ASSERT_EQ(log_tools::hex_text(block, fields).empty(), block.empty());
  }
}

TEST(Commands, SayWhyTheyCannotRun) {
  const TempDirectory empty;
  const Ran missing = run(log_tools::run_verify, {.path = empty.path() / "no"});
  EXPECT_EQ(missing.exit, Exit::kCannotRun);
  EXPECT_THAT(missing.err, HasSubstr("No such file"));
  EXPECT_EQ(run(log_tools::run_dump, {.path = empty.path()}).exit, Exit::kCannotRun);
  EXPECT_EQ(run(log_tools::run_stat, {.path = empty.path()}).exit, Exit::kCannotRun);
  const ExampleStore store;
  EXPECT_EQ(run(log_tools::run_layout, {.path = store.path(), .block = BlockNumber(1)}).exit,
            Exit::kCannotRun);
  EXPECT_EQ(
      run(log_tools::run_layout, {.path = store.partition(), .block = BlockNumber(9999)}).exit,
      Exit::kCannotRun);
}

TEST(Commands, WriteFindingsAsJson) {
  const ExampleStore store;
  change_byte(store.sealed(), first_block().value() + 300, 4);
  const Ran ran = run(log_tools::run_verify, {.path = store.path(), .format = Format::kJson});
  EXPECT_EQ(ran.exit, Exit::kDamage);
  const Json json = Json::parse(ran.out);
  EXPECT_EQ(json.at("schema"), "bimip.log.verify/1");
  EXPECT_EQ(json.at("clean"), false);
  const Json& finding = json.at("findings").at(0);
  EXPECT_EQ(finding.at("file"), store.sealed().string());
  EXPECT_EQ(finding.at("offsets").at("first"), 0);
  EXPECT_THAT(finding.at("next").get<std::string>(), Not(IsEmpty()));
}

}  // namespace
}  // namespace bimip::testing
