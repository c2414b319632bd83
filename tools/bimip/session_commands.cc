#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "bimip/v1/stanza.pb.h"
#include "frontend/stanza/codes.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/client/connection.h"
#include "tools/log/text.h"

namespace bimip::tools {
namespace {

using engine::Result;
using Json = nlohmann::ordered_json;

struct Arguments {
  std::string session_id{};
  std::string eid{};
  std::string device{};
  std::string reason{};
  bool closed = false;
  bool devices = false;
  bool json = false;
};

std::string time_text(std::int64_t micros) {
  return log_tools::time_text(engine::Timestamp(std::chrono::microseconds(micros)));
}

std::string code_text(v1::Code code) {
  if (code <= v1::CODE_UNSPECIFIED || code >= v1::Code_ARRAYSIZE) return "-";
  return std::string(frontend::facts_of(static_cast<frontend::Code>(code)).name);
}

Json json_of(const v1::SessionDescription& session) {
  Json json{{"session_id", session.session_id()},
            {"eid", session.eid()},
            {"device", session.device()},
            {"transport", session.transport()},
            {"address", session.address()},
            {"opened_at", time_text(session.opened_at_us())},
            {"subscriptions", session.subscriptions()},
            {"publishes_in_flight", session.publishes_in_flight()},
            {"output_bytes", session.output_bytes()},
            {"round_trip_us", session.round_trip_us()},
            {"clock_offset_us", session.clock_offset_us()},
            {"heartbeat_ms", session.heartbeat_ms()}};
  if (session.closed_at_us() != 0) {
    json["closed_at"] = time_text(session.closed_at_us());
    json["code"] = code_text(session.code());
    json["message"] = session.message();
  }
  return json;
}

Result<v1::Stanza> list(client::Connection& connection, const Arguments& arguments) {
  v1::Stanza request;
  request.mutable_list_sessions()->set_eid(arguments.eid);
  request.mutable_list_sessions()->set_session_id(arguments.session_id);
  request.mutable_list_sessions()->set_closed(arguments.closed);
  return connection.ask(std::move(request), kAnswerWithin);
}

void print_table(const v1::SessionList& sessions, const Arguments& arguments) {
  Output output;
  using Align = log_tools::TextTable::Align;
  using enum Align;
  log_tools::TextTable table(arguments.closed
                                 ? std::vector<Align>{kLeft, kLeft, kLeft, kLeft, kLeft, kLeft}
                                 : std::vector<Align>{kLeft, kLeft, kLeft, kLeft, kLeft, kRight});
  if (arguments.closed) {
    table.add({"SESSION", "EID", "TRANSPORT", "CLOSED", "CODE", "WHY"});
    for (const v1::SessionDescription& one : sessions.sessions()) {
      table.add({one.session_id(), one.eid(), one.transport(), time_text(one.closed_at_us()),
                 code_text(one.code()), one.message()});
    }
  } else {
    table.add({"SESSION", "EID", "TRANSPORT", "ADDRESS", "OPENED", "SUBSCRIPTIONS"});
    for (const v1::SessionDescription& one : sessions.sessions()) {
      table.add({one.session_id(), one.eid(), one.transport(), one.address(),
                 time_text(one.opened_at_us()), std::to_string(one.subscriptions())});
    }
  }
  output.write(table.text());
  if (sessions.more()) output.write("... and more: name an entity with --eid\n");
}

std::string_view state_text(v1::DeviceState state) {
  switch (state) {
    case v1::DEVICE_STATE_CONNECTED:
      return "connected";
    case v1::DEVICE_STATE_SUSPENDED:
      return "suspended";
    case v1::DEVICE_STATE_EXPIRED:
      return "expired";
    default:
      return "unknown";
  }
}

Json json_of(const v1::DeviceDescription& device) {
  return {{"eid", device.eid()},
          {"device", device.device()},
          {"state", state_text(device.state())},
          {"since", time_text(device.since_us())},
          {"epoch", device.epoch()},
          {"session_id", device.session_id()},
          {"transport", device.transport()}};
}

// All of them, a page at a time.
int list_devices_on(client::Connection& connection, const Arguments& arguments) {
  Output output;
  using enum log_tools::TextTable::Align;
  log_tools::TextTable table({kLeft, kLeft, kLeft, kLeft, kRight, kLeft});
  table.add({"EID", "DEVICE", "STATE", "SINCE", "EPOCH", "SESSION"});
  v1::Stanza request;
  v1::ListDevices& asked = *request.mutable_list_devices();
  asked.set_eid(arguments.eid);
  for (bool more = true; more;) {
    const Result<v1::Stanza> answer = connection.ask(request, kAnswerWithin);
    if (!answer) return complain(answer.error());
    const v1::DeviceList& list = answer->device_list();
    for (const v1::DeviceDescription& one : list.devices()) {
      if (arguments.json) output.write(json_of(one).dump() + "\n");
      table.add({one.eid(), one.device(), std::string(state_text(one.state())),
                 time_text(one.since_us()), std::to_string(one.epoch()), one.session_id()});
      asked.set_after_eid(one.eid());
      asked.set_after_device(one.device());
    }
    more = list.more();
  }
  if (!arguments.json) output.write(table.text());
  return kDone;
}

int list_on(client::Connection& connection, const Arguments& arguments) {
  if (arguments.devices) return list_devices_on(connection, arguments);
  const Result<v1::Stanza> answer = list(connection, arguments);
  if (!answer) return complain(answer.error());
  if (!arguments.json) {
    print_table(answer->session_list(), arguments);
    return kDone;
  }
  Output output;
  for (const v1::SessionDescription& one : answer->session_list().sessions())
    output.write(json_of(one).dump() + "\n");
  return kDone;
}

// One that is there, else one that has ended.
int show_on(client::Connection& connection, Arguments arguments) {
  for (const bool closed : {false, true}) {
    arguments.closed = closed;
    const Result<v1::Stanza> answer = list(connection, arguments);
    if (!answer) return complain(answer.error());
    if (answer->session_list().sessions().empty()) continue;
    const Json json = json_of(answer->session_list().sessions(0));
    Output output;
    if (arguments.json) {
      output.write(json.dump() + "\n");
      return kDone;
    }
    log_tools::TextTable table({log_tools::TextTable::Align::kLeft});
    for (const auto& [name, value] : json.items())
      table.add({name, value.is_string() ? value.get<std::string>() : value.dump()});
    output.write(table.text());
    return kDone;
  }
  return complain({engine::ErrorCode::kNotFound, "no session " + arguments.session_id});
}

int kick_on(client::Connection& connection, const Arguments& arguments) {
  v1::Stanza request;
  v1::KickSessions& kick = *request.mutable_kick_sessions();
  kick.set_session_id(arguments.session_id);
  kick.set_eid(arguments.eid);
  kick.set_device(arguments.device);
  kick.set_reason(arguments.reason);
  const Result<v1::Stanza> answer = connection.ask(std::move(request), kAnswerWithin);
  if (!answer) return complain(answer.error());
  const std::uint32_t kicked = answer->sessions_kicked().sessions();
  Output output;
  output.write(arguments.json ? Json{{"sessions", kicked}}.dump() + "\n"
                              : "ended " + std::to_string(kicked) + "\n");
  return kicked == 0 ? kRefused : kDone;
}

// As a command.
template <auto kRun>
int run(const Globals& globals, const Arguments& arguments) {
  return with_server(globals,
                     [&](client::Connection& connection) { return kRun(connection, arguments); });
}

}  // namespace

void add_session_commands(CLI::App& program, const Globals& globals, int& exit_code) {
  CLI::App* session =
      program.add_subcommand("session", "Who is connected, who was, and end their sessions");
  session->require_subcommand(1);
  session->fallthrough();
  const auto add = [&](const char* name, const char* what, const char* footer, auto run) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* command = session->add_subcommand(name, what);
    command->fallthrough();
    command->footer(footer);
    command->add_flag("--json", arguments->json, "Write JSON for programs");
    command->callback(
        [arguments, &globals, &exit_code, run] { exit_code = run(globals, *arguments); });
    return std::pair(command, arguments);
  };
  const auto [list, listed] =
      add("list", "Sessions that are there, or the last 10,000 that have ended",
          "An entity sees its own; an operator all.\n\nExamples:\n  bimip session list\n"
          "  bimip session list --closed --eid alice@example.com\n"
          "  bimip session list --devices",
          run<list_on>);
  list->add_option("--eid", listed->eid, "Only this entity's");
  CLI::Option* closed = list->add_flag("--closed", listed->closed,
                                       "Those that have ended, the newest first, and why");
  list->add_flag("--devices", listed->devices,
                 "The devices that are known, also those that are away, and their last state")
      ->excludes(closed);
  const auto [show, shown] = add("show", "One session, there or ended",
                                 "Example:\n  bimip session show VzlyvGthhnqqmcg", run<show_on>);
  show->add_option("SESSION", shown->session_id, "Its id, of `bimip session list`")->required();
  const auto [kick, kicked] = add(
      "kick", "End sessions; their tokens stay good",
      "An entity may end its own; an operator those of others. To keep somebody out: bimip token "
      "revoke.\n\nExamples:\n  bimip session kick VzlyvGthhnqqmcg --reason 'too busy'\n"
      "  bimip session kick --eid alice@example.com --device old-phone\n\n"
      "Exit codes: 0 ended, 1 there was none or the server refused, 2 could not run",
      run<kick_on>);
  CLI::Option* id = kick->add_option("SESSION", kicked->session_id, "This one");
  CLI::Option* eid = kick->add_option("--eid", kicked->eid, "All of this entity");
  kick->add_option("--device", kicked->device, "Of the entity's, only those on this device")
      ->needs(eid);
  id->excludes(eid);
  kick->add_option("--reason", kicked->reason, "The sessions are told");
  const auto chosen = kicked;
  kick->callback([chosen, &globals, &exit_code] {
    if (chosen->session_id.empty() && chosen->eid.empty())
      throw CLI::RequiredError("SESSION or --eid");
    exit_code = run<kick_on>(globals, *chosen);
  });
}

}  // namespace bimip::tools
