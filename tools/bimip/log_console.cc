#include "tools/bimip/log_console.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>

#include "tools/bimip/output.h"
#include "tools/log/interrupt.h"
#include "tools/log/text.h"

namespace bimip::tools {
namespace {

void print_error(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

// Over the line before; an empty one wipes it.
void draw_progress(std::string_view text) {
  std::fprintf(stderr, "\r\x1b[K%.*s", static_cast<int>(text.size()), text.data());
  std::fflush(stderr);
}

}  // namespace

int run_on_console(const std::function<log_tools::Exit(const log_tools::Console&)>& command) {
  std::signal(SIGPIPE, SIG_IGN);
  Output output("bimip log");
  log_tools::Console console{.out = [&](std::string_view text) { return output.write(text); },
                             .err =
                                 [&](std::string_view text) {
                                   (void)output.flush();
                                   print_error(text);
                                 },
                             .progress = {}};
  if (::isatty(STDERR_FILENO) == 1) console.progress = draw_progress;
  log_tools::catch_interrupts();
  const log_tools::Exit exit = command(console);
  (void)output.flush();
  if (output_failed()) return static_cast<int>(log_tools::Exit::kCannotRun);
  // Whoever waits for it learns why it ended.
  const std::optional<int> interrupted = log_tools::interrupted_by();
  if (interrupted && exit == log_tools::Exit::kCannotRun) {
    std::signal(*interrupted, SIG_DFL);
    std::raise(*interrupted);
  }
  return static_cast<int>(exit);
}

CLI::App* add_command(CLI::App& log, const LogCommand& command, log_tools::Path& path,
                      log_tools::Format& format) {
  CLI::App* added = log.add_subcommand(command.name, command.what);
  added->add_option("PATH", path, "A data directory, a topic, a partition or a segment file")
      ->required();
  added->add_flag_callback(
      "--json", [&format] { format = log_tools::Format::kJson; }, "Write JSON for programs");
  added->footer(std::string("Example:\n  ") + command.example + command.exit_codes);
  return added;
}

Timestamp read_time(const std::string& option, const std::string& text) {
  const engine::Result<Timestamp> time = log_tools::parse_time(text);
  if (!time) throw CLI::ValidationError(option, time.error().message);
  return *time;
}

void add_live(CLI::App& command, log_tools::Holding& holding) {
  command.add_flag_callback(
      "--live", [&holding] { holding = log_tools::Holding::kLive; },
      "Of a store that a server may be writing: what it had when the command began");
}

void add_jobs(CLI::App& command, unsigned& jobs, const char* what) {
  jobs = std::max(1U, std::thread::hardware_concurrency());
  command.add_option("--jobs", jobs, what)->check(CLI::Range(1U, 256U))->capture_default_str();
}

void add_readers(CLI::App& command, unsigned& jobs, const char* what) {
  add_jobs(command, jobs, what);
  jobs = std::clamp(4 * jobs, 8U, 32U);
  command.get_option("--jobs")->capture_default_str();
}

}  // namespace bimip::tools
