// What is extracted can be published again: all of it, once.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/tools/log/command_run.h"
#include "tests/tools/log/stored_records.h"
#include "tools/log/extract/extract_command.h"
#include "tools/log/extract/import_command.h"
#include "tools/log/text.h"

namespace bimip::testing {
namespace {

namespace fs = std::filesystem;
using log_tools::Effect;
using log_tools::Exit;
using log_tools::Format;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class Extract : public ::testing::Test {
 protected:
  [[nodiscard]] const ExampleStore& store() const { return store_; }
  [[nodiscard]] Path file() const { return folder_.path() / "extract.jsonl"; }
  [[nodiscard]] Path target() const { return folder_.path() / "target"; }

  void extract(log_tools::ExtractArguments arguments, Exit expected = Exit::kClean) {
    arguments.out = file();
    const Ran ran = run(log_tools::run_extract, arguments);
    EXPECT_EQ(ran.exit, expected) << ran.err;
  }
  Json import(log_tools::ImportArguments arguments = {}, Exit expected = Exit::kClean) {
    arguments.path = file();
    arguments.into = target();
    arguments.format = Format::kJson;
    const Ran ran = run(log_tools::run_import, arguments);
    EXPECT_EQ(ran.exit, expected) << ran.err;
    error_ = ran.err;
    return ran.exit == Exit::kCannotRun ? Json() : Json::parse(ran.out);
  }
  void make_target(const std::string& topic, std::uint32_t partitions) {
    const std::unique_ptr<Device> device = make_posix_device();
    const auto opened = open_store(target(), *device);
    if (!opened->create_topic(topic, {.partitions = partitions}))
      throw std::runtime_error("no topic");
  }
  Records imported() {
    const std::unique_ptr<Device> device = make_posix_device();
    return records_of(*open_as_it_is(target(), *device));
  }
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  ExampleStore store_;
  TempDirectory folder_;
  std::string error_;
};

// What an import keeps of a record.
bool is_copy_of(const RecordCopy& copy, const RecordCopy& original) {
  return copy.kind == original.kind && copy.key == original.key && copy.value == original.value &&
         copy.headers == original.headers && copy.idempotency_key == original.idempotency_key &&
         copy.expires_at == original.expires_at && copy.not_before == original.not_before;
}

TEST_F(Extract, OfATopicIsImportedAsItWas) {
  extract({.path = store().path() / "topics/orders"});
  make_target("orders", 2);
  const Json report = import();
  EXPECT_EQ(report.at("stored"), 65);
  EXPECT_EQ(report.at("known"), 0);
  const Records originals = records_that_check(store().path());
  const Records copies = imported();
  ASSERT_EQ(copies.size(), originals.size());
  for (const auto& [place, copy] : copies)
    EXPECT_TRUE(is_copy_of(copy, originals.at(place))) << place.offset.value();
}

TEST_F(Extract, IsImportedOnce) {
  extract({.path = store().path() / "topics/orders"});
  make_target("orders", 2);
  import();
  const Json again = import();
  EXPECT_EQ(again.at("stored"), 0);
  EXPECT_EQ(again.at("known"), 65);
  EXPECT_EQ(imported().size(), 65U);
}

TEST_F(Extract, TakesWhatTheFilterSays) {
  log_tools::RecordFilter filter;
  filter.key = "key 3";
  extract({.path = store().partition(), .filter = filter});
  make_target("others", 1);
  const Json report = import({.topic = "others"});
  EXPECT_GT(report.at("stored"), 5);
  for (const auto& [place, copy] : imported()) EXPECT_EQ(copy.key, "key 3");
}

TEST_F(Extract, GoesWhereKeysGoWhenTheTopicHasOtherPartitions) {
  extract({.path = store().partition()});
  make_target("orders", 5);
  import();
  const Records copies = imported();
  EXPECT_EQ(copies.size(), 60U);
  for (const auto& [place, copy] : copies)
    EXPECT_EQ(place.partition, partition_of_key(as_bytes(copy.key), 5));
}

TEST_F(Extract, KeepsBytesOfAnyKind) {
  std::string value;
  for (int byte = 0; byte < 256; ++byte) value += static_cast<char>(byte);
  {
    const std::unique_ptr<Device> device = make_posix_device();
    const auto opened = open_store(store().path(), *device);
    LogClient log(*opened);
    const TopicId quiet = opened->find_topic("quiet")->id;
    RecordFields fields = value_record(value, "\xff\x00\xfe");
    fields.expires_at = Timestamp(std::chrono::seconds(4'000'000'000));
    fields.not_before = Timestamp(std::chrono::microseconds(7));
    RecordFields gone = value_record("", "gone");
    gone.kind = RecordKind::kTombstone;
    ASSERT_TRUE(log.append(quiet, std::vector{fields, gone}));
  }
  extract({.path = store().path() / "topics/quiet"});
  make_target("quiet", 1);
  import();
  const Records originals = records_that_check(store().path() / "topics/quiet");
  std::size_t same = 0;
  for (const auto& [place, copy] : imported()) {
    const auto original = std::ranges::find_if(
        originals, [&](const auto& other) { return other.first.offset == place.offset; });
    ASSERT_NE(original, originals.end());
    EXPECT_TRUE(is_copy_of(copy, original->second));
    ++same;
  }
  EXPECT_EQ(same, 2U);
}

TEST_F(Extract, SaysWhatDamageHid) {
  change_byte(store().sealed(), 5 * limits::kSectorBytes + 200, 8);
  extract({.path = store().path() / "topics/orders"}, Exit::kDamage);
  make_target("orders", 2);
  EXPECT_EQ(import().at("stored"), 64);
}

TEST_F(Extract, ThatWasChangedIsNotImported) {
  extract({.path = store().partition()});
  make_target("orders", 2);
  const std::vector<std::byte> whole = read_bytes(file());
  std::mt19937 random(11);
  for (int round = 0; round < 40; ++round) {
    std::vector<std::byte> changed = whole;
    if (round % 2 == 0) {
      changed.resize(random() % changed.size());
    } else {
      changed[random() % changed.size()] ^= static_cast<std::byte>(1U << (random() % 8));
    }
    write_bytes(file(), changed);
    import({}, Exit::kCannotRun);
    EXPECT_THAT(error(), HasSubstr(file().string()));
  }
  EXPECT_TRUE(imported().empty());
}

TEST_F(Extract, RefusesWhatItCannotDo) {
  const auto refused = [&](const log_tools::ExtractArguments& arguments, const std::string& why) {
    const Ran ran = run(log_tools::run_extract, arguments);
    EXPECT_EQ(ran.exit, Exit::kCannotRun);
    EXPECT_THAT(ran.err, HasSubstr(why));
  };
  refused({.path = store().path(), .out = file()}, "give one topic");
  refused({.path = store().partition()}, "give --out FILE");
  refused({.path = store().partition(), .out = store().path() / "file"}, "lies in");
  refused({.path = store().partition(), .out = store().sealed()}, "is there already");
  const Ran dry =
      run(log_tools::run_extract, {.path = store().partition(), .effect = Effect::kDryRun});
  EXPECT_EQ(dry.exit, Exit::kClean);
  EXPECT_THAT(dry.out, HasSubstr("60 records"));
  extract({.path = store().partition()});
  import({}, Exit::kCannotRun);
  EXPECT_FALSE(fs::exists(target()));
  make_target("another", 1);
  import({}, Exit::kCannotRun);
  EXPECT_THAT(error(), HasSubstr("orders"));
  import({.topic = "another", .effect = Effect::kDryRun});
  EXPECT_TRUE(imported().empty());
}

TEST(Text, ReadsBase64BackAndNothingElse) {
  std::mt19937 random(5);
  for (std::size_t length = 0; length < 60; ++length) {
    std::vector<std::byte> bytes(length);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    const std::string text = log_tools::base64(bytes);
    EXPECT_EQ(log_tools::decode_base64(text), std::string(as_text(bytes)));
    if (!text.empty()) {
      EXPECT_FALSE(log_tools::decode_base64(text.substr(1)));
    }
  }
  for (const char* wrong : {"A", "AA==A", "=AAA", "A===", "AB==", "A?AA", "AA=A"})
    EXPECT_FALSE(log_tools::decode_base64(wrong)) << wrong;
}

}  // namespace
}  // namespace bimip::testing
