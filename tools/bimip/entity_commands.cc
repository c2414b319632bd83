#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "bimip/v1/stanza.pb.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/bimip/options.h"
#include "tools/bimip/record_text.h"
#include "tools/client/connection.h"
#include "tools/log/text.h"

namespace bimip::tools {
namespace {

using engine::ErrorCode;
using engine::Result;
using engine::Status;
using Json = nlohmann::ordered_json;

struct Arguments {
  std::string topic{};
  std::string key{};
  std::uint64_t from = 0;
  bool newest_first = false;
  std::uint64_t count = 0;  // 0: all
  bool json = false;
  std::string wait = "1h";
};

int run_get(const Globals& globals, const Arguments& arguments) {
  return with_server(globals, [&](client::Connection& connection) -> int {
    v1::Stanza request;
    request.mutable_get_entity()->set_topic(arguments.topic);
    request.mutable_get_entity()->set_key(arguments.key);
    const Result<v1::Stanza> answer = connection.ask(std::move(request), kAnswerWithin);
    if (!answer) return complain(answer.error());
    const v1::Entity& entity = answer->entity();
    const std::string of = "the newest record of '" + arguments.key + "', number " +
                           std::to_string(entity.last_increment()) + ", ";
    if (!entity.has_newest())
      return complain({ErrorCode::kNotFound, of + "was removed or cannot be read"});
    Output output;
    if (arguments.json) {
      output.write(json_line(arguments.topic, entity.partition(), entity.newest()));
      return kDone;
    }
    if (entity.newest().tombstone())
      return complain({ErrorCode::kNotFound, of + "is a tombstone: it has no value"});
    output.write(entity.newest().value() + "\n");
    return kDone;
  });
}

const char* reason_text(v1::EntityGapReason reason) {
  switch (reason) {
    case v1::ENTITY_GAP_REASON_RETENTION:
      return "removed by retention";
    case v1::ENTITY_GAP_REASON_COMPACTION:
      return "superseded or expired, and compacted away";
    case v1::ENTITY_GAP_REASON_EXPIRED:
      return "expired";
    default:
      return "damaged";
  }
}

int run_history(const Globals& globals, const Arguments& arguments) {
  return with_server(globals, [&](client::Connection& connection) -> int {
    Output output;
    bool is_damaged = false;
    std::uint64_t from = arguments.from;
    std::uint64_t left = arguments.count == 0 ? UINT64_MAX : arguments.count;
    while (left > 0) {
      v1::Stanza request;
      v1::ReadEntity& read = *request.mutable_read_entity();
      read.set_topic(arguments.topic);
      read.set_key(arguments.key);
      read.set_from_increment(from);
      read.set_newest_first(arguments.newest_first);
      read.set_records_max(static_cast<std::uint32_t>(std::min<std::uint64_t>(left, UINT32_MAX)));
      const Result<v1::Stanza> answer = connection.ask(std::move(request), kAnswerWithin);
      if (!answer) return complain(answer.error());
      const v1::EntityRecords& records = answer->entity_records();
      for (const v1::EntityGap& gap : records.gaps()) {
        is_damaged = is_damaged || gap.reason() == v1::ENTITY_GAP_REASON_DAMAGE;
        complain("numbers " + std::to_string(gap.first_increment()) + " to " +
                 std::to_string(gap.last_increment()) +
                 " are not there: " + reason_text(gap.reason()));
      }
      for (const v1::DeliveredRecord& record : records.records()) {
        --left;
        const bool goes_on =
            arguments.json
                ? output.write(json_line(arguments.topic, records.partition(), record))
                : output.write(std::to_string(record.increment()) + "\t" +
                               log_tools::escaped(engine::as_bytes(record.value())) + "\n");
        if (!goes_on) return kDone;
      }
      from = records.next_increment();
      if (from == 0) break;
    }
    return is_damaged ? kRefused : kDone;
  });
}

Status list_partition(client::Connection& connection, const Arguments& arguments,
                      std::uint32_t partition,
                      const std::function<void(const v1::Entity&)>& visit) {
  std::string from;
  do {
    v1::Stanza request;
    request.mutable_list_entities()->set_topic(arguments.topic);
    request.mutable_list_entities()->set_partition(partition);
    request.mutable_list_entities()->set_from(from);
    Result<v1::Stanza> answer = connection.ask(std::move(request), kAnswerWithin);
    if (!answer) return std::unexpected(std::move(answer.error()));
    for (const v1::Entity& entity : answer->entity_list().entities()) visit(entity);
    from = answer->entity_list().next();
  } while (!from.empty());
  return {};
}

int run_list(const Globals& globals, const Arguments& arguments) {
  return with_server(globals, [&](client::Connection& connection) -> int {
    v1::Stanza request;
    request.mutable_describe_topic()->set_topic(arguments.topic);
    const Result<v1::Stanza> topic = connection.ask(std::move(request), kAnswerWithin);
    if (!topic) return complain(topic.error());
    Output output;
    if (!arguments.json) output.write("PARTITION  RECORDS EVER  KEY\n");
    const auto print = [&](const v1::Entity& entity) {
      if (arguments.json) {
        Json line = {{"partition", entity.partition()},
                     {"last_increment", entity.last_increment()}};
        put_bytes(line, "key", entity.key());
        output.write(line.dump() + "\n");
        return;
      }
      std::array<char, 64> numbers{};
      (void)std::snprintf(numbers.data(), numbers.size(), "%9u  %12llu  ", entity.partition(),
                          static_cast<unsigned long long>(entity.last_increment()));
      output.write(numbers.data() +
                   (entity.key().empty() ? std::string("(its records are gone)")
                                         : log_tools::escaped(engine::as_bytes(entity.key()))) +
                   "\n");
    };
    for (const v1::PartitionDescription& partition : topic->topic_description().partitions()) {
      const Status listed = list_partition(connection, arguments, partition.partition(), print);
      if (!listed) return complain(listed.error());
    }
    return kDone;
  });
}

int run_erase(const Globals& globals, const Arguments& arguments) {
  return with_server(globals, [&](client::Connection& connection) -> int {
    v1::Stanza request;
    request.mutable_erase_entity()->set_topic(arguments.topic);
    request.mutable_erase_entity()->set_key(arguments.key);
    const Result<v1::Stanza> answer = connection.ask(
        std::move(request),
        std::chrono::ceil<std::chrono::milliseconds>(*parse_duration(arguments.wait)));
    if (!answer) return complain(answer.error());
    const v1::EntityErased& erased = answer->entity_erased();
    Output output;
    if (arguments.json) {
      Json line = {{"topic", arguments.topic}};
      put_bytes(line, "key", arguments.key);
      line.update({{"records", erased.records()},
                   {"record_bytes", erased.record_bytes()},
                   {"segments_rewritten", erased.segments_rewritten()},
                   {"files_proven", erased.files_proven()},
                   {"bytes_proven", erased.bytes_proven()},
                   {"mentions", erased.mentions()}});
      output.write(line.dump() + "\n");
      return kDone;
    }
    output.write("erased " + std::to_string(erased.records()) + " records; nothing is left in " +
                 std::to_string(erased.files_proven()) + " files, " +
                 std::to_string(erased.bytes_proven()) + " bytes\n");
    if (erased.mentions() > 0)
      output.write(std::to_string(erased.mentions()) +
                   " records of other keys mention it; they are still there\n");
    return kDone;
  });
}

}  // namespace

void add_entity_commands(CLI::App& program, const Globals& globals, int& exit_code) {
  CLI::App* entity = program.add_subcommand(
      "entity", "A key's newest record, its history, which keys there are, and a key's erasure");
  entity->footer("Example:\n  bimip entity get prices EURUSD");
  entity->require_subcommand(1);
  entity->fallthrough();
  const auto add = [&](const char* name, const char* what, const char* example, auto run) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* command = entity->add_subcommand(name, what);
    command->fallthrough();
    command->footer(
        std::string("Example:\n  ") + example +
        "\n\nExit codes: 0 done, 1 there is none or some cannot be read, 2 could not run "
        "or no server");
    command->add_option("TOPIC", arguments->topic, "Of which topic")->required();
    command->add_flag("--json", arguments->json, "A JSON object a line, for programs");
    command->callback(
        [arguments, run, &globals, &exit_code] { exit_code = run(globals, *arguments); });
    return std::pair(command, arguments);
  };
  const auto [get, wanted] = add("get", "Write the value of a key's newest record",
                                 "bimip entity get prices EURUSD", run_get);
  get->add_option("KEY", wanted->key, "Which key")->required();
  const auto [history, asked] =
      add("history", "Write a key's records by their number: NUMBER, a tab, the value",
          "bimip entity history prices EURUSD --newest-first --count 10", run_history);
  history->add_option("KEY", asked->key, "Which key")->required();
  history
      ->add_option("--from", asked->from, "The number to begin with; else the first, or the newest")
      ->check(not_below_0);
  history->add_option("--count", asked->count, "No more than so many")->check(not_below_0);
  history->add_flag("--newest-first", asked->newest_first, "From the newest to the oldest");
  const auto [erase, doomed] =
      add("erase", "Remove every record of a key, and prove that nothing of it is left",
          "bimip entity erase customers user-4711", run_erase);
  erase->add_option("KEY", doomed->key, "Which key")->required();
  erase
      ->add_option("--wait", doomed->wait,
                   "How long the proof may take: 10m; the server goes on when this is over")
      ->capture_default_str()
      ->check([](const std::string& text) {
        return parse_duration(text) ? "" : "'" + text + "' is no duration: 30s, 5m, 7d";
      });
  add("list", "List the keys a topic ever had, and how many records each",
      "bimip entity list prices", run_list);
}

}  // namespace bimip::tools
