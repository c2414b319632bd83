#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/base/limits.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/bimip/options.h"
#include "tools/bimip/time_flags.h"
#include "tools/client/line_reader.h"
#include "tools/client/publish.h"

namespace bimip::tools {
namespace {

struct Arguments {
  std::string topic{};
  std::string message{};
  bool has_message = false;
  std::string lines{};  // a file; "-" is standard input
  std::string key{};
  bool tombstone = false;
  std::vector<std::string> headers{};
  std::optional<std::uint32_t> partition{};
  std::string durability{};
  TimeFlags times{};
  std::string reconnect_for{};
  bool json = false;
};

client::AskedDurability durability_of(const std::string& text) {
  if (text == "durable") return client::AskedDurability::kDurable;
  if (text == "written") return client::AskedDurability::kWritten;
  return client::AskedDurability::kTopics;
}

// The outcome in one line on standard error; the exit code.
int report(const client::PublishOutcome& outcome, bool by_line,
           std::chrono::steady_clock::time_point began) {
  if (outcome.error) {
    std::string text = outcome.error->message;
    if (outcome.failed > 0 && by_line)
      text = "line " + std::to_string(outcome.failed) + ": " + text;
    complain(text);
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (by_line || outcome.error) {
    std::fprintf(stderr, "%llu stored in %.2f s (%.0f/s), %llu reconnects, %llu sent again",
                 static_cast<unsigned long long>(outcome.stored), seconds,
                 static_cast<double>(outcome.stored) / seconds,
                 static_cast<unsigned long long>(outcome.reconnects),
                 static_cast<unsigned long long>(outcome.sent_again));
    if (outcome.unanswered > 0)
      std::fprintf(stderr, ", %llu without an answer",
                   static_cast<unsigned long long>(outcome.unanswered));
    std::fputc('\n', stderr);
  }
  if (!outcome.error) return kDone;
  switch (outcome.error->code) {
    case engine::ErrorCode::kClosed:
      return kInterrupted;
    case engine::ErrorCode::kIo:
      return kCannotRun;
    default:
      return kRefused;
  }
}

int publish_from(const Arguments& arguments, client::PublishJob job) {
  const bool from_file = arguments.lines != "-";
  int descriptor = STDIN_FILENO;
  std::uint64_t bytes_total = 0;
  if (from_file) {
    descriptor = ::open(arguments.lines.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat facts{};
    if (descriptor < 0 || ::fstat(descriptor, &facts) != 0 || S_ISDIR(facts.st_mode)) {
      complain("cannot read " + arguments.lines + ": " +
               (descriptor < 0 ? std::strerror(errno) : "it is a folder"));
      return kCannotRun;
    }
    bytes_total = static_cast<std::uint64_t>(facts.st_size);
  }
  client::LineReader lines(descriptor, engine::limits::kRecordBytesMax);
  const auto began = std::chrono::steady_clock::now();
  client::PublishOutcome outcome;
  {
    Progress progress(bytes_total);
    job.on_progress = [&](std::uint64_t stored) { progress.show(stored, lines.bytes_read()); };
    job.on_trouble = [&](const std::string& what) {
      progress.wipe();
      complain(what);
    };
    outcome = client::publish_lines(job, lines);
  }
  if (from_file) ::close(descriptor);
  return report(outcome, true, began);
}

int run(const Globals& globals, const Arguments& arguments) {
  const engine::Result<client::Endpoint> server = server_of(globals);
  if (!server) return cannot_run(server.error());
  Output output;
  client::PublishJob job{.server = *server,
                         .topic = arguments.topic,
                         .key = arguments.key,
                         .tombstone = arguments.tombstone,
                         .partition = arguments.partition,
                         .durability = durability_of(arguments.durability),
                         .times = times_of(arguments.times),
                         .connect_for = patience_for_first(arguments.reconnect_for),
                         .reconnect_for = patience(arguments.reconnect_for),
                         .stop = interruption()};
  for (const std::string& header : arguments.headers) {
    const std::size_t equals = header.find('=');
    job.headers.emplace_back(header.substr(0, equals), header.substr(equals + 1));
  }
  if (arguments.json) {
    job.on_stored = [&](std::uint64_t number, std::uint32_t partition, std::uint64_t offset) {
      const nlohmann::ordered_json line = {
          {"message", number}, {"partition", partition}, {"offset", offset}};
      output.write(line.dump() + "\n");
    };
  }
  if (!arguments.lines.empty()) return publish_from(arguments, std::move(job));
  job.on_trouble = [](const std::string& what) { complain(what); };
  const auto began = std::chrono::steady_clock::now();
  return report(client::publish_one(job, arguments.message), false, began);
}

}  // namespace

void add_pub_command(CLI::App& program, const Globals& globals, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand(
      "pub", "Publish a message, or each line of a file or of standard input");
  command->fallthrough();
  command->footer(
      "Every message is stored once and in order, also when the server goes away in between: what\n"
      "was not acknowledged is sent again under the same numbers.\n\nExamples:\n"
      "  bimip pub events 'hello' --key user-7\n"
      "  bimip pub state --key user-7 --tombstone\n"
      "  bimip pub events --lines access.log\n"
      "  bimip pub reminders 'tea' --deliver-in 15m --expires-in 1h\n"
      "  tail -f access.log | bimip pub events -\n\n"
      "Exit codes: 0 all stored, 1 refused, 2 could not run or no server, 130 interrupted");
  command->add_option("TOPIC", arguments->topic, "Where to")->required();
  CLI::Option* message = command->add_option("MESSAGE", arguments->message,
                                             "The message; - is each line of standard input");
  CLI::Option* lines =
      command->add_option("--lines", arguments->lines, "Each line of this file is a message");
  message->excludes(lines);
  CLI::Option* key = command->add_option("--key", arguments->key, "The key of every message");
  key->check([](const std::string& text) {
    return text.size() <= engine::limits::kKeyBytesMax ? "" : "a key has at most 1024 bytes";
  });
  command->add_option("--partition", arguments->partition,
                      "Where to in the topic; else the key says, else one for the whole run");
  command->add_option("--header", arguments->headers, "NAME=VALUE, for every message; repeatable")
      ->check([](const std::string& header) {
        const std::size_t equals = header.find('=');
        return equals != std::string::npos && equals > 0 ? "" : "'" + header + "' is no NAME=VALUE";
      });
  command
      ->add_option("--durability", arguments->durability,
                   "When it is answered, if not as the topic says")
      ->check(CLI::IsMember({"durable", "written"}));
  add_time_flags(*command, arguments->times);
  add_reconnect_for(*command, arguments->reconnect_for);
  command->add_flag("--json", arguments->json,
                    "Write where each message was stored, as JSON lines");
  command
      ->add_flag("--tombstone", arguments->tombstone,
                 "Say that the key has no value any more, in place of a message")
      ->excludes(message)
      ->excludes(lines)
      ->needs(key);
  command->callback([arguments, message, &globals, &exit_code] {
    if (message->count() > 0 && arguments->message == "-") arguments->lines = "-";
    if (message->count() == 0 && arguments->lines.empty() && !arguments->tombstone)
      throw CLI::RequiredError("MESSAGE, -, --lines FILE or --tombstone");
    exit_code = run(globals, *arguments);
  });
}

}  // namespace bimip::tools
