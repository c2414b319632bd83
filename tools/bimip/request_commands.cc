#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "bimip/v1/stanza.pb.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/client/connection.h"

namespace bimip::tools {
namespace {

using engine::Result;

struct Arguments {
  std::string topic{};
  std::string message{};
  std::string key{};
  std::string timeout = "10s";
  std::string with{};
  bool echo = false;
  std::string group{};
  std::uint64_t count = 0;
  bool json = false;
};

int request_on(client::Connection& connection, const Arguments& arguments) {
  const auto timeout = parse_duration(arguments.timeout);
  if (!timeout) {
    complain("--timeout: a time, 5s say");
    return kCannotRun;
  }
  v1::Stanza asked;
  v1::Request& request = *asked.mutable_request();
  request.set_timeout_ms(static_cast<std::uint32_t>(timeout->count()));
  request.mutable_publish()->set_topic(arguments.topic);
  request.mutable_publish()->set_key(arguments.key);
  request.mutable_publish()->set_value(arguments.message);
  const Result<v1::Stanza> answer = connection.ask(std::move(asked), *timeout + kAnswerWithin);
  if (!answer) return complain(answer.error());
  const v1::Response& response = answer->response();
  Output output;
  if (!arguments.json) {
    output.write(response.value() + "\n");
    return kDone;
  }
  const nlohmann::ordered_json json{{"value", response.value()}, {"from", response.from()}};
  output.write(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  return kDone;
}

// Nothing: the record asks for no reply.
std::optional<v1::Stanza> reply_to(const v1::DeliveredRecord& record, const Arguments& arguments) {
  v1::Stanza stanza;
  v1::Reply& reply = *stanza.mutable_reply();
  for (const v1::Header& header : record.headers()) {
    if (header.name() == "bimip-reply-to") reply.set_reply_to(header.value());
    if (header.name() == "bimip-correlation-id") reply.set_correlation_id(header.value());
  }
  if (reply.reply_to().empty()) return std::nullopt;
  reply.set_value(arguments.echo ? record.value() : arguments.with);
  return stanza;
}

int reply_on(client::Connection& connection, const Arguments& arguments) {
  v1::Stanza asked;
  v1::Subscribe& subscribe = *asked.mutable_subscribe();
  subscribe.set_topic(arguments.topic);
  subscribe.set_latest(true);
  subscribe.set_group(arguments.group);
  subscribe.set_acknowledges_itself(true);
  std::uint64_t replied = 0;
  std::uint64_t last_id = 1000;  // behind those that ask() gives
  const auto answer = [&](const v1::Stanza& came) {
    for (const v1::DeliveredRecord& record : came.delivery().records()) {
      std::optional<v1::Stanza> reply = reply_to(record, arguments);
      if (!reply || (arguments.count > 0 && replied == arguments.count)) continue;
      reply->set_id(++last_id);
      connection.send(*reply);
      ++replied;
    }
  };
  const Result<v1::Stanza> subscribed = connection.ask(std::move(asked), kAnswerWithin, answer);
  if (!subscribed) return complain(subscribed.error());
  std::uint64_t answered = 0;
  while (!interruption().load() && (arguments.count == 0 || answered < arguments.count)) {
    const auto went =
        connection.exchange(std::chrono::milliseconds(200), -1, [&](const v1::Stanza& came) {
          if (came.id() > 1000) ++answered;  // who asked may be gone: that is its own affair
          answer(came);
        });
    if (!went) return complain(went.error());
  }
  return kDone;
}

template <auto kRun>
int run(const Globals& globals, const Arguments& arguments) {
  return with_server(globals,
                     [&](client::Connection& connection) { return kRun(connection, arguments); });
}

}  // namespace

void add_request_commands(CLI::App& program, const Globals& globals, int& exit_code) {
  const auto asks = std::make_shared<Arguments>();
  CLI::App* request = program.add_subcommand(
      "request", "Publish a message that asks for a reply, and write the reply");
  request->fallthrough();
  request->footer(
      "Example:\n  bimip request prices 'how much is it?' --timeout 2s\n\n"
      "Exit codes: 0 there is a reply, 1 nobody listens or nobody replied in time, 2 could not "
      "run");
  request->add_option("TOPIC", asks->topic, "The topic to ask on")->required();
  request->add_option("MESSAGE", asks->message, "What is asked")->required();
  request->add_option("--key", asks->key, "The message's key");
  request->add_option("--timeout", asks->timeout, "How long to wait")->capture_default_str();
  request->add_flag("--json", asks->json, "Write JSON for programs");
  request->callback([asks, &globals, &exit_code] { exit_code = run<request_on>(globals, *asks); });

  const auto replies = std::make_shared<Arguments>();
  CLI::App* reply =
      program.add_subcommand("reply", "Reply to the messages of a topic that ask for it");
  reply->fallthrough();
  reply->footer(
      "Examples:\n  bimip reply prices --with '42' --count 1\n"
      "  bimip reply echo --echo --group echoers");
  reply->add_option("TOPIC", replies->topic, "The topic to listen to")->required();
  CLI::Option* with = reply->add_option("--with", replies->with, "What to reply");
  reply->add_flag("--echo", replies->echo, "Reply with the message itself")->excludes(with);
  reply->add_option("--group", replies->group, "Share the topic with the others of a group");
  reply->add_option("--count", replies->count, "End after so many replies; else by Ctrl-C");
  reply->callback(
      [replies, &globals, &exit_code] { exit_code = run<reply_on>(globals, *replies); });
}

}  // namespace bimip::tools
