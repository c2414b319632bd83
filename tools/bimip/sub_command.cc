#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>

#include "bimip/v1/stanza.pb.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/bimip/options.h"
#include "tools/bimip/record_text.h"
#include "tools/client/subscribe.h"
#include "tools/log/text.h"

namespace bimip::tools {
namespace {

using client::From;

struct Arguments {
  std::string topic{};
  std::string from = "latest";
  std::vector<std::uint32_t> partitions{};
  std::optional<std::uint64_t> count{};
  bool until_end = false;
  std::string reconnect_for{};
  std::string group{};
  std::string redeliver_after{};
  std::uint32_t deliveries_max = 0;
  std::string dead_letter_topic{};
  std::vector<std::string> keys{};
  std::optional<std::string> key_prefix{};
  std::vector<std::string> headers{};
  bool json = false;
};

client::Wanted wanted_of(const Arguments& arguments) {
  client::Wanted wanted{.keys = arguments.keys, .key_prefix = arguments.key_prefix};
  for (const std::string& header : arguments.headers) {
    const std::size_t equals = header.find('=');
    if (equals == std::string::npos) {
      wanted.headers.emplace_back(header, std::nullopt);
    } else {
      wanted.headers.emplace_back(header.substr(0, equals), header.substr(equals + 1));
    }
  }
  return wanted;
}

client::Group group_of(const Arguments& arguments) {
  client::Group group{.name = arguments.group,
                      .deliveries_max = arguments.deliveries_max,
                      .dead_letter_topic = arguments.dead_letter_topic};
  if (!arguments.redeliver_after.empty())
    group.redeliver_after = *parse_duration(arguments.redeliver_after);
  return group;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number > INT64_MAX)
    return std::nullopt;
  return number;
}

// earliest, latest, last:N, an offset, a time, -5m.
std::optional<From> parse_from(std::string_view text) {
  if (text == "earliest") return From{.kind = From::Kind::kEarliest};
  if (text == "latest") return From{.kind = From::Kind::kLatest};
  if (text.starts_with("last:")) {
    const auto count = parse_number(text.substr(5));
    if (!count) return std::nullopt;
    return From{.kind = From::Kind::kLast, .value = static_cast<std::int64_t>(*count)};
  }
  if (const auto offset = parse_number(text))
    return From{.kind = From::Kind::kOffset, .value = static_cast<std::int64_t>(*offset)};
  engine::Timestamp time;
  if (text.starts_with('-')) {
    const auto ago = parse_duration(text.substr(1));
    if (!ago) return std::nullopt;
    time =
        std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()) -
        *ago;
  } else {
    const engine::Result<engine::Timestamp> parsed = log_tools::parse_time(text);
    if (!parsed) return std::nullopt;
    time = *parsed;
  }
  return From{.kind = From::Kind::kTime, .value = time.time_since_epoch().count()};
}

int exit_of(const client::SubscribeOutcome& outcome) {
  if (outcome.error && outcome.error->code == engine::ErrorCode::kClosed) return kInterrupted;
  if (outcome.error) return complain(*outcome.error);
  return outcome.gaps > 0 ? kRefused : kDone;
}

int run(const Globals& globals, const Arguments& arguments) {
  const engine::Result<client::Endpoint> server = server_of(globals);
  if (!server) return cannot_run(server.error());
  Output output;
  const client::SubscribeJob job{
      .server = *server,
      .topic = arguments.topic,
      .partitions = arguments.partitions,
      .from = *parse_from(arguments.from),
      .wanted = wanted_of(arguments),
      .group = group_of(arguments),
      .count = arguments.count,
      .until = arguments.until_end ? client::Until::kEnd : client::Until::kStopped,
      .connect_for = patience_for_first(arguments.reconnect_for),
      .reconnect_for = patience(arguments.reconnect_for),
      .stop = interruption(),
      .on_record =
          [&](std::uint32_t partition, const v1::DeliveredRecord& record) {
            if (arguments.json) return output.write(json_line(arguments.topic, partition, record));
            output.write(record.value());
            return output.write("\n");
          },
      .on_gap =
          [&](std::uint32_t partition, std::uint64_t first, std::uint64_t end,
              const std::string& why) {
            (void)output.flush();
            complain("offsets [" + std::to_string(first) + ", " + std::to_string(end) +
                     ") of partition " + std::to_string(partition) + " cannot be read: " + why);
          },
      .on_pause = [&] { return output.flush(); },
      .on_trouble = [](const std::string& what) { complain(what); }};
  return exit_of(client::subscribe(job));
}

}  // namespace

void add_sub_command(CLI::App& program, const Globals& globals, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand("sub", "Read a topic: each message's value on a line");
  command->fallthrough();
  command->footer(
      "Goes on behind the last message after the server went away: none is missed, none comes\n"
      "twice. In a group, members share the partitions and the server keeps how far they are; "
      "what\n"
      "was not acknowledged when one dies comes to another, perhaps a second time. One that ends "
      "waits\n"
      "until what it wrote is given to nobody again, also when the server is killed "
      "then.\n\nExamples:\n"
      "  bimip sub events --from earliest --until-end\n"
      "  bimip sub events --from last:10 --json\n"
      "  bimip sub events --from -5m\n"
      "  bimip sub events --key-prefix user-7/ --header type=login\n"
      "  bimip sub jobs --group workers --from earliest --redeliver-after 30s --deliveries-max 5 "
      "\\\n"
      "      --dead-letter-topic jobs.dead\n"
      "  bimip sub events --from 2026-11-23T20:00 --count 1\n\n"
      "Exit codes: 0 done, 1 refused or some messages cannot be read, 2 could not run or no "
      "server,\n"
      "130 interrupted");
  command->add_option("TOPIC", arguments->topic, "From where")->required();
  command
      ->add_option("--from", arguments->from, "earliest, latest, an OFFSET, a TIME, -5m, or last:N")
      ->check([](const std::string& text) {
        return parse_from(text)
                   ? ""
                   : "'" + text + "' is none of earliest, latest, OFFSET, TIME, last:N";
      })
      ->capture_default_str();
  command->add_option("--partition", arguments->partitions, "Only this one; repeatable");
  command->add_option("--count", arguments->count, "End after so many messages")
      ->check(not_below_0);
  command->add_flag("--until-end", arguments->until_end,
                    "End behind what was there at the beginning");
  add_reconnect_for(*command, arguments->reconnect_for);
  command->add_option("--key", arguments->keys, "Only messages with this key; repeatable");
  command->add_option("--key-prefix", arguments->key_prefix,
                      "Only messages whose key begins with this");
  command->add_option("--header", arguments->headers,
                      "Only messages with this header: NAME or NAME=VALUE; repeatable");
  CLI::Option* group = command->add_option("--group", arguments->group,
                                           "Share the topic with this group's other members");
  command
      ->add_option("--redeliver-after", arguments->redeliver_after,
                   "Deliver again what a member of the group has not acknowledged within this time")
      ->check([](const std::string& text) {
        return parse_duration(text) ? "" : "'" + text + "' is no duration: 30s, 5m";
      })
      ->needs(group);
  CLI::Option* max = command
                         ->add_option("--deliveries-max", arguments->deliveries_max,
                                      "Put aside what was delivered this often")
                         ->needs(group);
  CLI::Option* dead = command
                          ->add_option("--dead-letter-topic", arguments->dead_letter_topic,
                                       "Where what was delivered too often is put")
                          ->needs(max);
  max->needs(dead);
  command->add_flag("--json", arguments->json, "A JSON object a line, for programs");
  command->callback([arguments, &globals, &exit_code] { exit_code = run(globals, *arguments); });
}

}  // namespace bimip::tools
