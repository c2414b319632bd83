#include "tools/bimip/log_commands.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <memory>
#include <thread>

#include "tools/log/commands.h"
#include "tools/log/text.h"

namespace bimip::tools {
namespace {

using namespace log_tools;  // NOLINT: the commands are theirs

constexpr std::size_t kOutputBytes = 64 * 1024;
constexpr const char* kExitCodes =
    "\nExit codes: 0 nothing is damaged, 1 damage was found, 2 could not run.";

// Standard output, gathered into large writes; closed once its reader is gone.
class StandardOutput {
 public:
  StandardOutput() { std::signal(SIGPIPE, SIG_IGN); }
  ~StandardOutput() { flush(); }
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;

  bool write(std::string_view text) {
    waiting_ += text;
    if (waiting_.size() >= kOutputBytes) flush();
    return is_open_;
  }
  void flush() {
    std::string_view rest = waiting_;
    while (!rest.empty() && is_open_) {
      const ssize_t done = ::write(STDOUT_FILENO, rest.data(), rest.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) is_open_ = false;
      if (done > 0) rest.remove_prefix(static_cast<std::size_t>(done));
    }
    waiting_.clear();
  }

 private:
  std::string waiting_;
  bool is_open_ = true;
};

void print_error(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

// Over the line before; an empty one wipes it.
void draw_progress(std::string_view text) {
  std::fprintf(stderr, "\r\x1b[K%.*s", static_cast<int>(text.size()), text.data());
  std::fflush(stderr);
}

template <typename Command>
int run(Command&& command) {
  StandardOutput output;
  Console console{.out = [&](std::string_view text) { return output.write(text); },
                  .err =
                      [&](std::string_view text) {
                        output.flush();
                        print_error(text);
                      },
                  .progress = {}};
  if (::isatty(STDERR_FILENO) == 1) console.progress = draw_progress;
  return static_cast<int>(command(console));
}

// Gives the command its text and the options that all of them have.
CLI::App* add_command(CLI::App& log, const char* name, const char* what, const char* example,
                      Path& path, Format& format) {
  CLI::App* command = log.add_subcommand(name, what);
  command->add_option("PATH", path, "A data directory, a topic, a partition or a segment file")
      ->required();
  command->add_flag_callback(
      "--json", [&format] { format = Format::kJson; }, "Write JSON for programs");
  command->footer(std::string("Example:\n  ") + example + kExitCodes);
  return command;
}

void add_stat(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<StatArguments>();
  CLI::App* command =
      add_command(log, "stat", "What is there and how large it is, largest first",
                  "bimip log stat --segments /var/lib/bimip", arguments->path, arguments->format);
  command->add_flag_callback(
      "--segments", [arguments] { arguments->detail = Detail::kSegments; },
      "List every segment too");
  command->callback([arguments, &exit_code] {
    exit_code = run([&](const Console& console) { return run_stat(*arguments, console); });
  });
}

void add_verify(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<VerifyArguments>();
  arguments->jobs = std::max(1U, std::thread::hardware_concurrency());
  CLI::App* command =
      add_command(log, "verify", "Check every byte, and every file against the others",
                  "bimip log verify --deep /var/lib/bimip", arguments->path, arguments->format);
  command->add_flag_callback(
      "--deep", [arguments] { arguments->depth = Depth::kRecords; },
      "Decode and count each record too");
  command->add_option("--jobs", arguments->jobs, "Segments read at once")
      ->check(CLI::Range(1U, 256U))
      ->capture_default_str();
  command->callback([arguments, &exit_code] {
    exit_code = run([&](const Console& console) { return run_verify(*arguments, console); });
  });
}

struct DumpFlags {
  DumpArguments records{};
  std::optional<std::uint64_t> from{};
  std::optional<std::uint64_t> to{};
  std::string since{};
  std::string until{};
  std::string key{};
  std::vector<std::string> headers{};
  bool blocks = false;
  std::optional<std::uint64_t> block{};
};

// What CLI11 prints in front of a wrong value is the option's name.
Timestamp read_time(const std::string& option, const std::string& text) {
  const Result<Timestamp> time = parse_time(text);
  if (!time) throw CLI::ValidationError(option, time.error().message);
  return *time;
}

Exit run_dump_flags(DumpFlags& flags, bool has_key, const Console& console) {
  if (flags.blocks || flags.block) {
    LayoutArguments layout{.path = flags.records.path, .format = flags.records.format};
    if (flags.block) layout.block = BlockNumber(*flags.block);
    return run_layout(layout, console);
  }
  RecordFilter& filter = flags.records.filter;
  if (flags.from) filter.offsets.first = Offset(*flags.from);
  if (flags.to) filter.offsets.end = Offset(*flags.to);
  if (!flags.since.empty()) filter.since = read_time("--since", flags.since);
  if (!flags.until.empty()) filter.until = read_time("--until", flags.until);
  if (has_key) filter.key = flags.key;
  for (const std::string& header : flags.headers) {
    const std::size_t equals = header.find('=');
    if (equals == std::string::npos || equals == 0)
      throw CLI::ValidationError("--header", "'" + header + "' is not NAME=VALUE");
    filter.headers.push_back(
        {.name = header.substr(0, equals), .value = header.substr(equals + 1)});
  }
  return run_dump(flags.records, console);
}

// CLI11 takes "-1" for the largest number there is.
CLI::Option* add_number(CLI::App& command, const char* name, std::optional<std::uint64_t>& into,
                        const char* what) {
  return command.add_option(name, into, what)->check([](const std::string& text) -> std::string {
    return text.starts_with('-') ? "'" + text + "' is below 0" : "";
  });
}

void add_dump(CLI::App& log, int& exit_code) {
  auto flags = std::make_shared<DumpFlags>();
  CLI::App* command =
      add_command(log, "dump", "Records in offset order, or the blocks they lie in",
                  "bimip log dump --key alice --since 2026-11-23 /var/lib/bimip/topics/orders\n"
                  "  bimip log dump --block 17 /var/lib/bimip/topics/orders/0",
                  flags->records.path, flags->records.format);
  CLI::Option* json = command->get_option("--json");
  std::vector<CLI::Option*> of_records{
      add_number(*command, "--from", flags->from, "First offset")->type_name("OFFSET"),
      add_number(*command, "--to", flags->to, "Offset to end before")->type_name("OFFSET"),
      command->add_option("--since", flags->since, "Not earlier than this (UTC)")
          ->type_name("TIME"),
      command->add_option("--until", flags->until, "Earlier than this (UTC)")->type_name("TIME"),
      command->add_option("--key", flags->key, "With this key"),
      command->add_option("--header", flags->headers, "With this header; may be repeated")
          ->type_name("NAME=VALUE")
          ->allow_extra_args(false),
      add_number(*command, "--count", flags->records.count_max, "At most so many records")
          ->type_name("N"),
      command
          ->add_flag_callback(
              "--raw", [flags] { flags->records.format = Format::kRaw; },
              "Only the values, each ended by a newline")
          ->excludes(json)};
  CLI::Option* key = of_records[4];
  CLI::Option* blocks =
      command->add_flag("--blocks", flags->blocks, "Show what stands where in the files");
  CLI::Option* block =
      add_number(*command, "--block", flags->block, "Show one block, field by field")
          ->type_name("NUMBER");
  for (CLI::Option* option : of_records) {
    option->excludes(blocks);
    option->excludes(block);
  }
  command->callback([flags, key, &exit_code] {
    exit_code = run(
        [&](const Console& console) { return run_dump_flags(*flags, key->count() > 0, console); });
  });
}

}  // namespace

void add_log_commands(CLI::App& program, int& exit_code) {
  CLI::App* log =
      program.add_subcommand("log", "Look into a store without a server; nothing is changed");
  log->footer("Example:\n  bimip log verify --deep /var/lib/bimip");
  log->require_subcommand(1);
  add_stat(*log, exit_code);
  add_verify(*log, exit_code);
  add_dump(*log, exit_code);
}

}  // namespace bimip::tools
