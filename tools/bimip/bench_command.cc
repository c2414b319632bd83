#include <CLI/CLI.hpp>
#include <memory>

#include "engine/base/limits.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/load/scenarios.h"

namespace bimip::tools {
namespace {

struct Arguments {
  load::Load load{};
  std::string time = "5s";
  std::string size = "128";
  int server_process = 0;
  bool json = false;
};

using Scenario = load::Figures (*)(const load::Load&);

int run(const Globals& globals, const Arguments& arguments, Scenario scenario) {
  const engine::Result<client::Endpoint> server = server_of(globals);
  if (!server) {
    complain(server.error().message);
    return kCannotRun;
  }
  load::Load load = arguments.load;
  load.server = *server;
  load.time = *parse_duration(arguments.time);
  load.value_bytes = *parse_bytes(arguments.size);
  if (arguments.server_process > 0) load.server_process = arguments.server_process;
  const load::Figures figures = scenario(load);
  if (!figures) return complain(figures.error());
  const bench::Report report(arguments.json);
  for (const bench::Figure& figure : *figures) report.add(figure);
  return kDone;
}

class Adder {
 public:
  Adder(CLI::App& bench, const Globals& globals, int& exit_code)
      : bench_(bench), globals_(globals), exit_code_(exit_code) {}

  std::pair<CLI::App*, std::shared_ptr<Arguments>> add(const char* name, const char* what,
                                                       const char* example, Scenario scenario) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* command = bench_.add_subcommand(name, what);
    command->fallthrough();
    command->footer(std::string("Example:\n  ") + example);
    command->add_flag("--json", arguments->json, "A JSON object a line, for programs");
    command->callback([arguments, scenario, this_globals = &globals_, exit = &exit_code_] {
      *exit = run(*this_globals, *arguments, scenario);
    });
    return {command, arguments};
  }

 private:
  CLI::App& bench_;
  const Globals& globals_;
  int& exit_code_;
};

void add_topic(CLI::App& command, Arguments& arguments) {
  command.add_option("--topic", arguments.load.topic, "Created when it is missing")
      ->capture_default_str();
}

void add_time(CLI::App& command, Arguments& arguments) {
  command.add_option("--time", arguments.time, "How long to measure")
      ->check([](const std::string& text) {
        return parse_duration(text) ? "" : "'" + text + "' is no duration: 5s, 1m";
      })
      ->capture_default_str();
}

void add_size(CLI::App& command, Arguments& arguments) {
  command.add_option("--size", arguments.size, "Bytes of a message: 128, 64KiB")
      ->check([](const std::string& text) {
        const auto bytes = parse_bytes(text);
        const bool fits = bytes && *bytes >= 8 && *bytes < engine::limits::kRecordBytesMax;
        return fits ? "" : "'" + text + "' is no size from 8 bytes to a message's limit";
      })
      ->capture_default_str();
}

void add_connections(CLI::App& command, Arguments& arguments, const char* what,
                     const CLI::Range& range) {
  command.add_option("--connections", arguments.load.connections, what)
      ->check(range)
      ->capture_default_str();
}

void add_depth(CLI::App& command, Arguments& arguments, int most) {
  command.add_option("--depth", arguments.load.depth, "Unanswered messages, each")
      ->check(CLI::Range(1, most))
      ->capture_default_str();
}

void add_publishers(CLI::App& command, Arguments& arguments) {
  add_connections(command, arguments, "Publishers", CLI::Range(1, 10'000));
  add_depth(command, arguments, 1024);
  command.add_option("--partitions", arguments.load.partitions, "Of a topic that is created")
      ->check(CLI::Range(1U, engine::limits::kPartitionsPerTopicMax))
      ->capture_default_str();
}

void add_subscribers(CLI::App& command, Arguments& arguments) {
  command.add_option("--subscribers", arguments.load.subscribers, "Each on its own connection")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
}

}  // namespace

void add_bench_command(CLI::App& program, const Globals& globals, int& exit_code) {
  CLI::App* bench = program.add_subcommand("bench", "Measure a server under load");
  bench->require_subcommand(1);
  bench->fallthrough();
  Adder adder(*bench, globals, exit_code);
  const auto [publish, publish_arguments] =
      adder.add("publish", "Publishers that send as fast as answers come",
                "bimip bench publish --connections 50 --depth 16 --time 10s", load::run_publish);
  add_topic(*publish, *publish_arguments);
  add_publishers(*publish, *publish_arguments);
  add_size(*publish, *publish_arguments);
  add_time(*publish, *publish_arguments);

  const auto [fanout, fanout_arguments] = adder.add(
      "fanout", "Publishers, and subscribers who get every message",
      "bimip bench fanout --connections 1 --depth 1 --subscribers 1000", load::run_fanout);
  add_topic(*fanout, *fanout_arguments);
  add_publishers(*fanout, *fanout_arguments);
  add_subscribers(*fanout, *fanout_arguments);
  add_size(*fanout, *fanout_arguments);
  add_time(*fanout, *fanout_arguments);

  const auto [subscribe, subscribe_arguments] =
      adder.add("subscribe", "Subscribers who read a topic from its beginning to its end",
                "bimip bench subscribe --topic bench", load::run_subscribe);
  add_topic(*subscribe, *subscribe_arguments);
  add_subscribers(*subscribe, *subscribe_arguments);

  const auto [latency, latency_arguments] =
      adder.add("latency", "One at a time: a ping, a publish, its delivery",
                "bimip bench latency --time 10s --json", load::run_latency);
  add_topic(*latency, *latency_arguments);
  add_size(*latency, *latency_arguments);
  add_time(*latency, *latency_arguments);

  const auto [direct, direct_arguments] =
      adder.add("direct", "Messages from entity to entity, then an inbox from its beginning",
                "bimip bench direct --connections 50 --depth 1 --time 10s", load::run_direct);
  add_connections(*direct, *direct_arguments, "Senders, and recipients", CLI::Range(1, 5'000));
  add_depth(*direct, *direct_arguments, 1000);
  add_size(*direct, *direct_arguments);
  add_time(*direct, *direct_arguments);

  const auto [idle, idle_arguments] = adder.add(
      "idle", "Sessions that do nothing, and what they cost the server",
      "bimip bench idle --connections 5000 --server-process $(pidof bimipd)", load::run_idle);
  add_connections(*idle, *idle_arguments, "How many", CLI::Range(1, 60'000));
  idle->add_option("--server-process", idle_arguments->server_process,
                   "The server's process id, on this machine")
      ->required()
      ->check(CLI::PositiveNumber);
  add_time(*idle, *idle_arguments);

  const auto [awareness, awareness_arguments] =
      adder.add("awareness", "Entities that watch each other reconnect, and change, all at once",
                "bimip bench awareness --connections 1000 --contacts 100", load::run_awareness);
  add_connections(*awareness, *awareness_arguments, "How many", CLI::Range(2, 60'000));
  awareness->add_option("--contacts", awareness_arguments->load.contacts, "Whom each watches")
      ->check(CLI::Range(1, 500))
      ->capture_default_str();
  awareness
      ->add_option("--server-process", awareness_arguments->server_process,
                   "The server's process id, on this machine: its time is told too")
      ->check(CLI::PositiveNumber);
}

}  // namespace bimip::tools
