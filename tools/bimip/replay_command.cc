#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "frontend/replay/replayer.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"

namespace bimip::tools {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using frontend::RecordedCore;
using frontend::ReplayReport;

struct Arguments {
  std::string folder{};
  bool json = false;
};

std::string_view end_text(ReplayReport::End end) {
  switch (end) {
    case ReplayReport::End::kWhole:
      return "to the server's end";
    case ReplayReport::End::kFull:
      return "until record_bytes was reached";
    case ReplayReport::End::kTorn:
      return "until the server was killed";
  }
  return "";
}

std::vector<fs::path> recordings_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == frontend::kRecordingExtension) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

void tell(const fs::path& file, const ReplayReport& report, bool as_json) {
  Output output;
  if (as_json) {
    Json json{{"file", file.filename().string()},
              {"core", frontend::name_of(report.head.core)},
              {"events", report.events},
              {"sessions", report.sessions},
              {"inputs", report.inputs},
              {"states_compared", report.states},
              {"outputs_compared", report.outputs},
              {"recorded", end_text(report.end)},
              {"same", !report.difference}};
    if (report.difference) {
      json["difference"] = {{"event", report.difference->event}, {"what", report.difference->what}};
    }
    output.write(json.dump() + "\n");
    return;
  }
  const bool has_sessions = report.head.core == RecordedCore::kSessions;
  output.write(file.filename().string() + ": " +
               (has_sessions ? std::to_string(report.sessions) + " " : std::string()) +
               std::string(frontend::name_of(report.head.core)) + ", " +
               std::to_string(report.inputs) + " inputs, recorded " +
               std::string(end_text(report.end)) + "; " + std::to_string(report.states) +
               " states and " + std::to_string(report.outputs) +
               " outputs compared: " + (report.difference ? "NOT the same" : "the same") + "\n");
  if (report.difference) {
    output.write("  first difference at event " + std::to_string(report.difference->event) + ": " +
                 report.difference->what + "\n");
  }
}

int run(const Arguments& arguments) {
  const std::vector<fs::path> files = recordings_in(arguments.folder);
  if (files.empty()) {
    complain("there is no recording in " + arguments.folder +
             " (a server makes one with --record)");
    return kCannotRun;
  }
  int exit_code = kDone;
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    const auto report = frontend::replay(in);
    if (!report) {
      complain(file.string() + ": " + report.error().message);
      return kCannotRun;
    }
    tell(file, *report, arguments.json);
    if (report->difference) exit_code = kRefused;
  }
  return exit_code;
}

}  // namespace

void add_replay_command(CLI::App& program, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand(
      "replay", "Run what a server recorded through the same cores again, without a server");
  command->footer(
      "Everything that sessions, awareness and offers say and are is compared with what it was "
      "then.\n\n"
      "Example:\n  bimipd --data-dir data --dev --record recording\n  bimip replay recording\n\n"
      "Exit codes: 0 the same, 1 something differs, 2 there is nothing that can be replayed");
  command->add_option("DIR", arguments->folder, "What was given to bimipd as --record")->required();
  command->add_flag("--json", arguments->json, "Write JSON for programs");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace bimip::tools
