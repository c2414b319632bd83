#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "bimip/v1/stanza.pb.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/client/connection.h"
#include "tools/log/text.h"

namespace bimip::tools {
namespace {

using engine::Result;
using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds kAnswerWithin{30'000};

struct Arguments {
  std::string topic{};
  std::uint32_t partitions = 0;
  std::string durability{};
  std::string segment_bytes{};
  std::string segment_age{};
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
                          {"log_end_offset", partition.log_end_offset()}});
  }
  return {{"topic", topic.topic()},
          {"topic_id", topic.topic_id()},
          {"created_at", log_tools::time_text(time_of(topic.created_at_us()))},
          {"durability", durability_text(topic.config())},
          {"segment_bytes", topic.config().segment_bytes()},
          {"segment_age_s", topic.config().segment_age_s()},
          {"partitions", partitions}};
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
               std::to_string(topic.config().segment_age_s()) + " s\n\n");
  using Align = log_tools::TextTable::Align;
  log_tools::TextTable table({Align::kRight, Align::kRight, Align::kRight});
  table.add({"PARTITION", "START", "END"});
  for (const v1::PartitionDescription& partition : topic.partitions()) {
    table.add({std::to_string(partition.partition()), std::to_string(partition.log_start_offset()),
               std::to_string(partition.log_end_offset())});
  }
  output.write(table.text());
}

Result<v1::Stanza> ask(const Globals& globals, v1::Stanza request) {
  Result<client::Endpoint> server = server_of(globals);
  if (!server) return std::unexpected(std::move(server.error()));
  auto connection = client::Connection::open(*server, {}, kAnswerWithin);
  if (!connection) return std::unexpected(std::move(connection.error()));
  return (*connection)->ask(std::move(request), kAnswerWithin);
}

int describe(const Globals& globals, v1::Stanza request, const Arguments& arguments) {
  const Result<v1::Stanza> answer = ask(globals, std::move(request));
  if (!answer) return complain(answer.error());
  print_description(answer->topic_description(), arguments);
  return kDone;
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
  if (!arguments.segment_age.empty()) {
    const auto age = *parse_duration(arguments.segment_age);
    config.set_segment_age_s(
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(age).count()));
  }
  return describe(globals, std::move(request), arguments);
}

int run_describe(const Globals& globals, const Arguments& arguments) {
  v1::Stanza request;
  request.mutable_describe_topic()->set_topic(arguments.topic);
  return describe(globals, std::move(request), arguments);
}

int run_list(const Globals& globals, const Arguments& arguments) {
  Result<client::Endpoint> server = server_of(globals);
  if (!server) return complain(server.error());
  auto connection = client::Connection::open(*server, {}, kAnswerWithin);
  if (!connection) return complain(connection.error());
  using Align = log_tools::TextTable::Align;
  log_tools::TextTable table({Align::kLeft, Align::kRight, Align::kRight, Align::kLeft});
  table.add({"TOPIC", "PARTITIONS", "RECORDS", "DURABILITY"});
  Output output;
  std::string after;
  while (true) {
    v1::Stanza request;
    request.mutable_list_topics()->set_after(after);
    const Result<v1::Stanza> answer = (*connection)->ask(std::move(request), kAnswerWithin);
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

std::string check_bytes(const std::string& text) {
  return parse_bytes(text) ? "" : "'" + text + "' is no size: 64MiB, 1000000";
}
std::string check_duration(const std::string& text) {
  return parse_duration(text) ? "" : "'" + text + "' is no duration: 30s, 5m, 7d";
}

}  // namespace

void add_topic_commands(CLI::App& program, const Globals& globals, int& exit_code) {
  CLI::App* topic = program.add_subcommand("topic", "Create, list and describe topics");
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
  create->add_option("--segment-age", created->segment_age, "Age of a segment: 7d")
      ->check(check_duration);
  const auto [described, describe_arguments] =
      add("describe", "Show a topic's configuration and offsets", "bimip topic describe events",
          run_describe);
  described->add_option("TOPIC", describe_arguments->topic, "Its name")->required();
  add("list", "List the topics, by name", "bimip topic list --json", run_list);
}

}  // namespace bimip::tools
