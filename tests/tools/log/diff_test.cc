// Whether two stores are told equal when they are, and different where they are.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/tools/log/command_run.h"
#include "tests/tools/log/stored_records.h"
#include "tools/log/diff/diff_command.h"
#include "tools/log/salvage/salvage_command.h"

namespace bimip::testing {
namespace {

namespace fs = std::filesystem;
using log_tools::Exit;
using log_tools::Format;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

class Diff : public ::testing::Test {
 protected:
  Diff() { fs::copy(store_.path(), copy(), fs::copy_options::recursive); }
  [[nodiscard]] const ExampleStore& store() const { return store_; }
  [[nodiscard]] Path copy() const { return folder_.path() / "copy"; }
  [[nodiscard]] Path folder() const { return folder_.path(); }

  static Json diff(const Path& first, const Path& second, Exit expected) {
    const Ran ran = run(log_tools::run_diff,
                        {.first = first, .second = second, .format = Format::kJson, .jobs = 2});
    EXPECT_EQ(ran.exit, expected) << ran.out << ran.err;
    return ran.exit == Exit::kCannotRun ? Json() : Json::parse(ran.out);
  }
  static Json partition(const Json& report, const std::string& topic, int number) {
    for (const Json& one : report.at("partitions")) {
      if (one.at("topic") == topic && one.at("partition") == number) return one;
    }
    return {};
  }
  static void append(const Path& path, const std::string& topic, const std::string& value) {
    const std::unique_ptr<Device> device = make_posix_device();
    const auto opened = open_store(path, *device);
    LogClient log(*opened);
    if (!log.append(opened->find_topic(topic)->id, value)) throw std::runtime_error("no append");
  }

 private:
  ExampleStore store_;
  TempDirectory folder_;
};

TEST_F(Diff, OfACopyIsNothingAndReadsNoSealedSegment) {
  const Json report = diff(store().path(), copy(), Exit::kClean);
  EXPECT_EQ(report.at("equal"), true);
  const Json orders = partition(report, "orders", 0);
  const std::size_t sealed = store().manifest().segments.size() - 1;
  EXPECT_GE(orders.at("segments_equal"), sealed - 1);
  EXPECT_LT(orders.at("records_compared"), 20) << "only those of the active segment";
}

TEST_F(Diff, FindsOneRecordMore) {
  append(copy(), "orders", "more");
  const Json report = diff(store().path(), copy(), Exit::kDamage);
  const Json orders = partition(report, "orders", 0);
  EXPECT_EQ(orders.at("equal"), false);
  EXPECT_EQ(orders.at("only_in_second"), 1);
  EXPECT_EQ(orders.at("only_in_first"), 0);
  EXPECT_EQ(orders.at("first_difference"), 60);
  EXPECT_EQ(partition(report, "orders", 1).at("equal"), true);
  EXPECT_EQ(partition(diff(copy(), store().path(), Exit::kDamage), "orders", 0).at("only_in_first"),
            1);
}

TEST_F(Diff, FindsOneRecordThatIsAnother) {
  append(store().path(), "quiet", "one");
  append(copy(), "quiet", "two");
  const Json report = diff(store().path(), copy(), Exit::kDamage);
  const Json quiet = partition(report, "quiet", 0);
  EXPECT_EQ(quiet.at("changed"), 1);
  EXPECT_EQ(quiet.at("first_difference"), 0);
}

TEST_F(Diff, TellsDamageAndTheRecordsItTakes) {
  change_byte(copy() / fs::relative(store().active(1), store().path()), limits::kSectorBytes + 200,
              1);
  const Json report = diff(store().path(), copy(), Exit::kDamage);
  EXPECT_GE(partition(report, "orders", 1).at("only_in_first"), 1);
  EXPECT_FALSE(report.at("findings").empty());
}

TEST_F(Diff, OfAStoreThatWasSalvagedIsNothing) {
  const Path salvaged = folder() / "salvaged";
  ASSERT_EQ(run(log_tools::run_salvage, {.path = copy(), .to = salvaged}).exit, Exit::kClean);
  const Json report = diff(store().path(), salvaged, Exit::kClean);
  EXPECT_EQ(partition(report, "orders", 0).at("segments_equal"), 0);
  EXPECT_EQ(partition(report, "orders", 0).at("records_compared"), 60);
}

TEST_F(Diff, ComparesTopicsPartitionsAndTheirConfiguration) {
  EXPECT_EQ(diff(store().partition(0), copy() / "topics/orders/0", Exit::kClean).at("equal"), true);
  EXPECT_EQ(diff(store().partition(0), copy() / "topics/orders/1", Exit::kDamage).at("equal"),
            false);
  EXPECT_EQ(diff(store().path() / "topics/orders", copy() / "topics/orders", Exit::kClean)
                .at("partitions")
                .size(),
            2U);
  diff(store().path(), copy() / "topics/orders", Exit::kCannotRun);
  {
    const std::unique_ptr<Device> device = make_posix_device();
    const auto opened = open_store(copy(), *device);
    ASSERT_TRUE(opened->create_topic("another", {}));
    ASSERT_TRUE(opened->alter_topic("quiet", {.retention_bytes = 1U << 20U}));
  }
  const Json report = diff(store().path(), copy(), Exit::kDamage);
  EXPECT_THAT(report.at("topics"),
              ::testing::ElementsAre("topic another is only in the second",
                                     "topic quiet has another configuration in the second"));
  EXPECT_EQ(partition(report, "another", 0).at("only_in"), "second");
  EXPECT_EQ(partition(report, "quiet", 0).at("equal"), true);
}

TEST_F(Diff, SaysInWordsWhereItBegins) {
  append(copy(), "orders", "more");
  const Ran ran = run(log_tools::run_diff, {.first = store().path(), .second = copy()});
  EXPECT_THAT(ran.out, HasSubstr("orders/0: offsets [0, 60) in the first, [0, 61) in the second; "
                                 "first difference: offset 60 is only in the second"));
  EXPECT_THAT(ran.out, HasSubstr("different: 1 partition"));
  EXPECT_THAT(ran.err, IsEmpty());
}

}  // namespace
}  // namespace bimip::testing
