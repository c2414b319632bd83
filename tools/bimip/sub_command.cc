#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "bimip/v1/stanza.pb.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/bimip/options.h"
#include "tools/client/subscribe.h"
#include "tools/log/text.h"

namespace bimip::tools {
namespace {

using Json = nlohmann::ordered_json;
using client::From;

struct Arguments {
  std::string topic{};
  std::string from = "latest";
  std::vector<std::uint32_t> partitions{};
  std::optional<std::uint64_t> count{};
  bool until_end = false;
  std::string reconnect_for{};
  bool json = false;
};

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

// Text as it is; other bytes as base64 under another name.
void put_bytes(Json& into, const std::string& name, const std::string& bytes) {
  const engine::Bytes view = engine::as_bytes(bytes);
  if (log_tools::is_utf8(view)) {
    into[name] = bytes;
  } else {
    into[name + "_base64"] = log_tools::base64(view);
  }
}

std::string json_line(const std::string& topic, std::uint32_t partition,
                      const v1::DeliveredRecord& record) {
  const engine::Timestamp time{std::chrono::microseconds(record.timestamp_us())};
  Json line = {{"topic", topic},
               {"partition", partition},
               {"offset", record.offset()},
               {"time", log_tools::time_text(time)}};
  if (!record.key().empty()) put_bytes(line, "key", record.key());
  if (record.headers_size() > 0) {
    Json headers = Json::array();
    for (const v1::Header& header : record.headers()) {
      Json entry = {{"name", header.name()}};
      put_bytes(entry, "value", header.value());
      headers.push_back(std::move(entry));
    }
    line["headers"] = std::move(headers);
  }
  if (record.tombstone()) {
    line["tombstone"] = true;
  } else {
    put_bytes(line, "value", record.value());
  }
  return line.dump() + "\n";
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
      "twice.\n\nExamples:\n"
      "  bimip sub events --from earliest --until-end\n"
      "  bimip sub events --from last:10 --json\n"
      "  bimip sub events --from -5m\n"
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
  command->add_flag("--json", arguments->json, "A JSON object a line, for programs");
  command->callback([arguments, &globals, &exit_code] { exit_code = run(globals, *arguments); });
}

}  // namespace bimip::tools
