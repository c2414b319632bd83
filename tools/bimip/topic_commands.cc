#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "bimip/v1/stanza.pb.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/client/connection.h"
#include "tools/log/text.h"

namespace bimip::tools {
namespace {

using engine::Result;
using Json = nlohmann::ordered_json;

constexpr std::string_view kForEver = "forever";

struct Arguments {
  std::string topic{};
  std::uint32_t partitions = 0;
  std::string durability{};
  std::string segment_bytes{};
  std::string segment_age{};
  std::string retention_age{};
  std::string retention_bytes{};
  std::string tombstone_grace{};
  std::string hold_max{};
  std::string retention_floor{};
  std::string per_key{};
  std::string per_key_age{};
  bool compact = false;
  std::optional<std::uint32_t> partition{};
  bool json = false;
};

engine::Timestamp time_of(std::int64_t micros) {
  return engine::Timestamp(std::chrono::microseconds(micros));
}

const char* durability_text(const v1::TopicConfig& config) {
  return config.durability() == v1::DURABILITY_WRITTEN ? "written" : "durable";
}

std::uint64_t records_of(const v1::TopicDescription& topic) {
  std::uint64_t records = 0;
  for (const v1::PartitionDescription& partition : topic.partitions())
    records += partition.log_end_offset() - partition.log_start_offset();
  return records;
}

Json json_of(const v1::TopicDescription& topic) {
  Json partitions = Json::array();
  for (const v1::PartitionDescription& partition : topic.partitions()) {
    partitions.push_back({{"partition", partition.partition()},
                          {"log_start_offset", partition.log_start_offset()},
                          {"log_end_offset", partition.log_end_offset()},
                          {"trouble", partition.trouble()}});
  }
  return {{"topic", topic.topic()},
          {"topic_id", topic.topic_id()},
          {"created_at", log_tools::time_text(time_of(topic.created_at_us()))},
          {"durability", durability_text(topic.config())},
          {"segment_bytes", topic.config().segment_bytes()},
          {"segment_age_s", topic.config().segment_age_s()},
          {"retention_age_s", topic.config().retention_age_s()},
          {"retention_bytes", topic.config().retention_bytes()},
          {"retention_floor",
           topic.config().retention_floor() == v1::RETENTION_FLOOR_CURSORS ? "cursors" : "none"},
          {"entity_records_max", topic.config().entity_records_max()},
          {"entity_age_s", topic.config().entity_age_s()},
          {"compacted", topic.config().compaction() == v1::COMPACTION_NEWEST},
          {"tombstone_grace_s", topic.config().tombstone_grace_s()},
          {"hold_max_s", topic.config().hold_max_s()},
          {"partitions", partitions}};
}

std::string retention_text(const v1::TopicConfig& config) {
  std::string text;
  if (config.retention_age_s() != 0)
    text = "records of " + std::to_string(config.retention_age_s()) + " s";
  if (config.retention_bytes() != 0)
    text += (text.empty() ? "" : ", at most ") + std::to_string(config.retention_bytes()) +
            " bytes a partition";
  if (text.empty()) text = "for ever";
  if (config.retention_floor() == v1::RETENTION_FLOOR_CURSORS)
    text += "; never what a live group has not acknowledged";
  return text;
}

std::string per_key_text(const v1::TopicConfig& config) {
  if (config.entity_records_max() == 0 && config.entity_age_s() == 0) return "";
  std::string text = "of each key    the newest";
  if (config.entity_records_max() != 0)
    text += " " + std::to_string(config.entity_records_max()) + " records";
  if (config.entity_age_s() != 0)
    text += ", and no other older than " + std::to_string(config.entity_age_s()) + " s";
  return text + "\n";
}

std::string compaction_text(const v1::TopicConfig& config) {
  if (config.compaction() != v1::COMPACTION_NEWEST) return "";
  return "compacted      to the newest record of each key; tombstones stay " +
         std::to_string(config.tombstone_grace_s()) + " s\n";
}

void print_description(const v1::TopicDescription& topic, const Arguments& arguments) {
  Output output;
  if (arguments.json) {
    output.write(json_of(topic).dump() + "\n");
    return;
  }
  output.write("topic          " + topic.topic() + "\ncreated        " +
               log_tools::time_text(time_of(topic.created_at_us())) + "\ndurability     " +
               durability_text(topic.config()) + "\nsegment bytes  " +
               std::to_string(topic.config().segment_bytes()) + "\nsegment age    " +
               std::to_string(topic.config().segment_age_s()) + " s\nretention      " +
               retention_text(topic.config()) + "\nheld           at most " +
               std::to_string(topic.config().hold_max_s()) + " s until a message's time\n" +
               per_key_text(topic.config()) + compaction_text(topic.config()) + "\n");
  using Align = log_tools::TextTable::Align;
  log_tools::TextTable table({Align::kRight, Align::kRight, Align::kRight, Align::kLeft});
  table.add({"PARTITION", "START", "END", "TROUBLE"});
  for (const v1::PartitionDescription& partition : topic.partitions()) {
    table.add({std::to_string(partition.partition()), std::to_string(partition.log_start_offset()),
               std::to_string(partition.log_end_offset()), partition.trouble()});
  }
  output.write(table.text());
}

int describe(const Globals& globals, v1::Stanza request, const Arguments& arguments) {
  return with_server(globals, [&](client::Connection& connection) -> int {
    const Result<v1::Stanza> answer = connection.ask(std::move(request), kAnswerWithin);
    if (!answer) return complain(answer.error());
    print_description(answer->topic_description(), arguments);
    return kDone;
  });
}

// What check_bytes, check_duration or check_retention let pass.
std::uint64_t bytes_of(const std::string& text) {
  return text == kForEver ? 0 : *parse_bytes(text);
}
std::uint64_t seconds_of(const std::string& text) {
  if (text == kForEver) return 0;
  return static_cast<std::uint64_t>(
      std::chrono::ceil<std::chrono::seconds>(*parse_duration(text)).count());
}

std::uint64_t count_of(const std::string& text) { return text == kForEver ? 0 : std::stoull(text); }
v1::RetentionFloor floor_of(const std::string& text) {
  if (text.empty()) return v1::RETENTION_FLOOR_UNSPECIFIED;
  return text == "cursors" ? v1::RETENTION_FLOOR_CURSORS : v1::RETENTION_FLOOR_NONE;
}

int run_create(const Globals& globals, const Arguments& arguments) {
  v1::Stanza request;
  v1::CreateTopic& create = *request.mutable_create_topic();
  create.set_topic(arguments.topic);
  v1::TopicConfig& config = *create.mutable_config();
  config.set_partitions(arguments.partitions);
  if (arguments.durability == "durable") config.set_durability(v1::DURABILITY_DURABLE);
  if (arguments.durability == "written") config.set_durability(v1::DURABILITY_WRITTEN);
  if (!arguments.segment_bytes.empty())
    config.set_segment_bytes(*parse_bytes(arguments.segment_bytes));
  if (!arguments.segment_age.empty()) config.set_segment_age_s(seconds_of(arguments.segment_age));
  if (!arguments.retention_age.empty())
    config.set_retention_age_s(seconds_of(arguments.retention_age));
  if (!arguments.retention_bytes.empty())
    config.set_retention_bytes(bytes_of(arguments.retention_bytes));
  config.set_retention_floor(floor_of(arguments.retention_floor));
  if (!arguments.per_key.empty()) config.set_entity_records_max(count_of(arguments.per_key));
  if (!arguments.per_key_age.empty()) config.set_entity_age_s(seconds_of(arguments.per_key_age));
  if (arguments.compact) config.set_compaction(v1::COMPACTION_NEWEST);
  if (!arguments.tombstone_grace.empty())
    config.set_tombstone_grace_s(seconds_of(arguments.tombstone_grace));
  if (!arguments.hold_max.empty()) config.set_hold_max_s(seconds_of(arguments.hold_max));
  return describe(globals, std::move(request), arguments);
}

int run_alter(const Globals& globals, const Arguments& arguments) {
  if (arguments.segment_age.empty() && arguments.retention_age.empty() &&
      arguments.retention_bytes.empty() && arguments.tombstone_grace.empty() &&
      arguments.hold_max.empty() && arguments.retention_floor.empty() &&
      arguments.per_key.empty() && arguments.per_key_age.empty()) {
    return complain({engine::ErrorCode::kInvalidArgument,
                     "nothing to change: name --retention, --retention-bytes, --retention-floor, "
                     "--per-key, --per-key-age, --segment-age, --tombstone-grace or --hold-max"});
  }
  v1::Stanza request;
  v1::AlterTopic& alter = *request.mutable_alter_topic();
  alter.set_topic(arguments.topic);
  if (!arguments.segment_age.empty()) alter.set_segment_age_s(seconds_of(arguments.segment_age));
  if (!arguments.retention_age.empty())
    alter.set_retention_age_s(seconds_of(arguments.retention_age));
  if (!arguments.retention_bytes.empty())
    alter.set_retention_bytes(bytes_of(arguments.retention_bytes));
  if (!arguments.tombstone_grace.empty())
    alter.set_tombstone_grace_s(seconds_of(arguments.tombstone_grace));
  if (!arguments.hold_max.empty()) alter.set_hold_max_s(seconds_of(arguments.hold_max));
  alter.set_retention_floor(floor_of(arguments.retention_floor));
  if (!arguments.per_key.empty()) alter.set_entity_records_max(count_of(arguments.per_key));
  if (!arguments.per_key_age.empty()) alter.set_entity_age_s(seconds_of(arguments.per_key_age));
  return describe(globals, std::move(request), arguments);
}

int run_describe(const Globals& globals, const Arguments& arguments) {
  v1::Stanza request;
  request.mutable_describe_topic()->set_topic(arguments.topic);
  return describe(globals, std::move(request), arguments);
}

int run_reopen(const Globals& globals, const Arguments& arguments) {
  v1::Stanza request;
  v1::ReopenTopic& reopen = *request.mutable_reopen_topic();
  reopen.set_topic(arguments.topic);
  if (arguments.partition) reopen.set_partition(*arguments.partition);
  return describe(globals, std::move(request), arguments);
}

int list_on(client::Connection& connection, const Arguments& arguments) {
  using Align = log_tools::TextTable::Align;
  log_tools::TextTable table({Align::kLeft, Align::kRight, Align::kRight, Align::kLeft});
  table.add({"TOPIC", "PARTITIONS", "RECORDS", "DURABILITY"});
  Output output;
  std::string after;
  while (true) {
    v1::Stanza request;
    request.mutable_list_topics()->set_after(after);
    const Result<v1::Stanza> answer = connection.ask(std::move(request), kAnswerWithin);
    if (!answer) return complain(answer.error());
    for (const v1::TopicDescription& topic : answer->topic_list().topics()) {
      after = topic.topic();
      if (arguments.json) output.write(json_of(topic).dump() + "\n");
      table.add({topic.topic(), std::to_string(topic.partitions_size()),
                 std::to_string(records_of(topic)), durability_text(topic.config())});
    }
    if (!answer->topic_list().more()) break;
  }
  if (!arguments.json) output.write(table.text());
  return kDone;
}

int run_list(const Globals& globals, const Arguments& arguments) {
  return with_server(
      globals, [&](client::Connection& connection) { return list_on(connection, arguments); });
}

std::string check_bytes(const std::string& text) {
  return parse_bytes(text) ? "" : "'" + text + "' is no size: 64MiB, 1000000";
}
std::string check_duration(const std::string& text) {
  return parse_duration(text) ? "" : "'" + text + "' is no duration: 30s, 5m, 7d";
}

// A number above zero that the wire can carry, or "forever".
std::string check_count(const std::string& text) {
  const bool is_number = !text.empty() && text.size() <= 18 && text.front() != '0' &&
                         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  return is_number || text == kForEver ? ""
                                       : "'" + text + "' is no number of records: 100; forever";
}

void add_per_key(CLI::App& command, Arguments& arguments) {
  command
      .add_option("--per-key", arguments.per_key,
                  "Of each key so many of the newest records are kept: 100; forever")
      ->check(check_count);
  command
      .add_option("--per-key-age", arguments.per_key_age,
                  "Records of a key this old go, but for its newest: 90d; forever")
      ->check([](const std::string& text) { return text == kForEver ? "" : check_duration(text); });
  command
      .add_option("--retention-floor", arguments.retention_floor,
                  "What may never go: none, or cursors (what a live group has not acknowledged)")
      ->check(CLI::IsMember({"none", "cursors"}));
}

void add_retention(CLI::App& command, Arguments& arguments) {
  add_per_key(command, arguments);
  command.add_option("--segment-age", arguments.segment_age, "Age of a segment: 7d")
      ->check(check_duration);
  command
      .add_option("--retention", arguments.retention_age,
                  "A segment goes when its newest record is this old: 30d; forever")
      ->check([](const std::string& text) { return text == kForEver ? "" : check_duration(text); });
  command
      .add_option("--tombstone-grace", arguments.tombstone_grace,
                  "How long a tombstone stays after what it deletes is gone: 24h")
      ->check(check_duration);
  command
      .add_option("--hold-max", arguments.hold_max,
                  "How far ahead the time of a message may be that is held until then: 7d")
      ->check(check_duration);
  command
      .add_option("--retention-bytes", arguments.retention_bytes,
                  "The oldest segments go while a partition has as much without them: 10GiB; "
                  "forever")
      ->check([](const std::string& text) { return text == kForEver ? "" : check_bytes(text); });
}

}  // namespace

void add_topic_commands(CLI::App& program, const Globals& globals, int& exit_code) {
  CLI::App* topic =
      program.add_subcommand("topic", "Create, alter, list, describe and reopen topics");
  topic->footer("Example:\n  bimip topic create events --partitions 4");
  topic->require_subcommand(1);
  topic->fallthrough();
  const auto add = [&](const char* name, const char* what, const char* example, auto run) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* command = topic->add_subcommand(name, what);
    command->fallthrough();
    command->footer(std::string("Example:\n  ") + example);
    command->add_flag("--json", arguments->json, "Write JSON for programs");
    command->callback(
        [arguments, run, &globals, &exit_code] { exit_code = run(globals, *arguments); });
    return std::pair(command, arguments);
  };
  const auto [create, created] =
      add("create", "Create a topic; one that is there with the same configuration is fine",
          "bimip topic create events --partitions 4", run_create);
  create->add_option("TOPIC", created->topic, "Its name")->required();
  create->add_option("--partitions", created->partitions, "How many; default 1")
      ->check(CLI::Range(1U, engine::limits::kPartitionsPerTopicMax));
  create
      ->add_option("--durability", created->durability,
                   "When a publish is answered: durable (it survives power loss; the default) or "
                   "written (it survives the server)")
      ->check(CLI::IsMember({"durable", "written"}));
  create->add_option("--segment-bytes", created->segment_bytes, "Size of a segment: 64MiB")
      ->check(check_bytes);
  add_retention(*create, *created);
  create->add_flag("--compact", created->compact,
                   "Keep the newest record of each key, and let the others go in time");
  const auto [alter, altered] =
      add("alter", "Change how long and how much a topic keeps; what is not named stays",
          "bimip topic alter events --retention 30d --retention-bytes forever", run_alter);
  alter->add_option("TOPIC", altered->topic, "Its name")->required();
  add_retention(*alter, *altered);
  const auto [described, describe_arguments] =
      add("describe", "Show a topic's configuration and offsets", "bimip topic describe events",
          run_describe);
  described->add_option("TOPIC", describe_arguments->topic, "Its name")->required();
  const auto [reopened, reopen_arguments] =
      add("reopen", "Bring back partitions that take no publishes, once the cause is gone",
          "bimip topic reopen events --partition 2", run_reopen);
  reopened->add_option("TOPIC", reopen_arguments->topic, "Its name")->required();
  reopened->add_option("--partition", reopen_arguments->partition, "Only this one");
  add("list", "List the topics, by name", "bimip topic list --json", run_list);
}

}  // namespace bimip::tools
