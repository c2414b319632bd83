#include "frontend/config/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "frontend/config/endpoint.h"
#include "frontend/config/settings_text.h"

namespace bimip::frontend {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

ConfigInputs file_of(std::string text) {
  return {.file = ConfigFile{.path = "bimip.toml", .text = std::move(text)}};
}

std::string source_of(const Configuration& configuration, std::string_view name) {
  return configuration
      .sources[static_cast<std::size_t>(find_setting(name) - all_settings().data())];
}

ConfigFaults faults_of(const ConfigInputs& inputs) {
  auto read = configure(inputs);
  return read ? ConfigFaults{} : read.error();
}

TEST(Configuration, TakesAFlagOverAVariableOverTheFileOverTheDefault) {
  ConfigInputs inputs = file_of(
      "tcp = '0.0.0.0:1'\nshards = 2\n[log]\nlevel = 'debug'\n[limits]\nheartbeat = '10s'\n");
  inputs.environment = {
      {"BIMIP_TCP", "0.0.0.0:2"}, {"BIMIP_LIMITS_HEARTBEAT", "20s"}, {"PATH", "/bin"}};
  inputs.flags = {{"--tcp", "0.0.0.0:3"}};
  const auto read = configure(inputs);
  ASSERT_TRUE(read) << read.error().front();
  EXPECT_EQ(read->settings.tcp, "0.0.0.0:3");
  EXPECT_EQ(read->settings.limits.heartbeat, 20s);
  EXPECT_EQ(read->settings.shards, 2U);
  EXPECT_EQ(read->settings.log_level, "debug");
  EXPECT_EQ(read->settings.log_format, "text");
  EXPECT_EQ(source_of(*read, "tcp"), "--tcp");
  EXPECT_EQ(source_of(*read, "limits.heartbeat"), "BIMIP_LIMITS_HEARTBEAT");
  EXPECT_EQ(source_of(*read, "shards"), "bimip.toml:2");
  EXPECT_EQ(source_of(*read, "log.level"), "bimip.toml:4");
  EXPECT_EQ(source_of(*read, "log.format"), "default");
}

TEST(Configuration, RefusesUnknownKeysWithTheirLine) {
  EXPECT_THAT(faults_of(file_of("shards = 1\nshard = 2\n[log]\nlvl = 'info'\n[logs]\nx = 1\n")),
              ElementsAre("bimip.toml:4: there is no setting log.lvl",
                          "bimip.toml:5: there is no setting logs",
                          "bimip.toml:2: there is no setting shard"));
}

TEST(Configuration, RefusesWrongTypesWithTheirLine) {
  EXPECT_THAT(faults_of(file_of("\nshards = '4'")),
              ElementsAre("bimip.toml:2: shards is a whole number"));
  EXPECT_THAT(faults_of(file_of("dev = 1")), ElementsAre("bimip.toml:1: dev is true or false"));
  EXPECT_THAT(faults_of(file_of("shards = -1")),
              ElementsAre("bimip.toml:1: shards is a whole number"));
  EXPECT_THAT(faults_of(file_of("tcp = 7450")),
              ElementsAre(HasSubstr("bimip.toml:1: tcp is an ADD")));
  EXPECT_THAT(faults_of(file_of("[limits]\nheartbeat = 30")),
              ElementsAre("bimip.toml:2: limits.heartbeat is a duration such as 30s"));
  EXPECT_THAT(faults_of(file_of("log = 'json'")),
              ElementsAre("bimip.toml:1: there is no setting log"));
  EXPECT_THAT(faults_of(file_of("data_dir = ['a']")),
              ElementsAre("bimip.toml:1: data_dir is a text"));
}

TEST(Configuration, RefusesValuesOutOfBounds) {
  EXPECT_THAT(faults_of(file_of("shards = 65")), ElementsAre("bimip.toml:1: shards is at most 64"));
  EXPECT_THAT(faults_of(file_of("record_bytes = 1")),
              ElementsAre("bimip.toml:1: record_bytes is at least 1MiB"));
  EXPECT_THAT(faults_of({.flags = {{"--limits-heartbeat", "1ms"}}}),
              ElementsAre("--limits-heartbeat: limits.heartbeat is 100ms to 1h"));
  EXPECT_THAT(faults_of({.environment = {{"BIMIP_LOG_FORMAT", "xml"}}}),
              ElementsAre("BIMIP_LOG_FORMAT: log.format is text or json"));
  EXPECT_THAT(faults_of({.flags = {{"--tcp", "localhost:1"}}}),
              ElementsAre(HasSubstr("--tcp: tcp is")));
}

TEST(Configuration, SaysWhereAFileIsNoToml) {
  const ConfigFaults faults = faults_of(file_of("dev = true\ndev = false\n"));
  EXPECT_THAT(faults, ElementsAre(HasSubstr("bimip.toml:2: ")));
  EXPECT_THAT(faults_of(file_of("[log\n")), ElementsAre(HasSubstr("bimip.toml:1: ")));
}

TEST(Configuration, NamesAllThatIsWrongAtOnce) {
  ConfigInputs inputs = file_of("shards = 'x'\n");
  inputs.environment = {{"BIMIP_DEV", "yes"}};
  inputs.flags = {{"--spare-space", "much"}};
  EXPECT_EQ(faults_of(inputs).size(), 3U);
}

TEST(Configuration, WarnsOfAVariableThatOnlyLooksLikeASetting) {
  const auto read = configure(
      {.environment = {{"BIMIP_LOG_FROMAT", "json"}, {"BIMIP_SERVER", "x:1"}, {"BIMIP", "x"}}});
  ASSERT_TRUE(read);
  EXPECT_THAT(read->warnings, ElementsAre("BIMIP_LOG_FROMAT is set, but there is no such setting"));
}

TEST(Configuration, PrintsAFileThatReadsBackTheSame) {
  ConfigInputs inputs = file_of("data_dir = 'a\"b\\c'\ndev = true\n[limits]\noutput = '1MiB'\n");
  inputs.flags = {{"--limits-drain-within", "1500ms"}};
  const auto first = configure(inputs);
  ASSERT_TRUE(first);
  const std::string printed = print_configuration(*first);
  const auto again = configure(file_of(printed));
  ASSERT_TRUE(again) << again.error().front();
  for (const Setting& setting : all_settings())
    EXPECT_EQ(value_text(setting, first->settings), value_text(setting, again->settings));
  EXPECT_THAT(printed, HasSubstr("drain_within = \"1500ms\"  # --limits-drain-within\n"));
  EXPECT_THAT(printed, HasSubstr("output = \"1MiB\"  # bimip.toml:4\n"));
}

TEST(Settings, HaveNamesOfTheirOwnAndDefaultsWithinTheirBounds) {
  std::set<std::string> names;
  ConfigInputs inputs;
  for (const Setting& setting : all_settings()) {
    EXPECT_TRUE(names.insert(flag_name(setting)).second) << setting.name;
    EXPECT_TRUE(names.insert(environment_name(setting)).second) << setting.name;
  }
  const auto read = configure(file_of(print_configuration(*configure({}))));
  ASSERT_TRUE(read) << read.error().front();
}

TEST(Settings, AreInTheGuideAsTheyAre) {
  std::ifstream file(BIMIP_SOURCE_DIR "/docs/guides/configuration.md");
  std::ostringstream guide;
  guide << file.rdbuf();
  EXPECT_THAT(guide.str(), HasSubstr(settings_table()))
      << "docs/guides/configuration.md needs this table:\n"
      << settings_table();
}

TEST(Settings, ContradictThemselvesInWords) {
  EXPECT_THAT(contradictions({}), testing::Contains("data_dir is not set"));
  EXPECT_THAT(contradictions({.data_dir = "x", .dev = true}), ElementsAre());
  EXPECT_THAT(contradictions({.data_dir = "x", .tcp = "0.0.0.0:1", .dev = true}),
              ElementsAre("--dev listens on loopback only, not on 0.0.0.0"));
  EXPECT_THAT(contradictions({.data_dir = "x"}), ElementsAre(HasSubstr("no keys")));
  EXPECT_THAT(
      contradictions({.data_dir = "x", .dev = true, .inbox_categories = "orders,sent,chat"}),
      ElementsAre("inbox.categories: 'sent' is a category that every server has",
                  "inbox.categories: 'chat' is a category that every server has"));
}

TEST(ListenEndpoint, IsAnAddressAndAPort) {
  EXPECT_EQ(text_of(*parse_listen_endpoint("[::1]:7450")), "[::1]:7450");
  EXPECT_EQ(text_of(*parse_listen_endpoint("0.0.0.0:0")), "0.0.0.0:0");
  EXPECT_TRUE(is_loopback(*parse_listen_endpoint("[::1]:1")));
  EXPECT_FALSE(is_loopback(*parse_listen_endpoint("10.0.0.1:1")));
  for (const std::string_view text : {"", "127.0.0.1", "127.0.0.1:", ":1", "::1:1", "[::1]", "a:1",
                                      "127.0.0.1:65536", "127.0.0.1:1x", "[127.0.0.1]:1"})
    EXPECT_FALSE(parse_listen_endpoint(text)) << text;
}

}  // namespace
}  // namespace bimip::frontend
