#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "frontend/replay/build.h"
#include "frontend/replay/recording_folder.h"
#include "frontend/replay/replayer.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"

namespace bimip::tools {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using frontend::RecordedCore;
using frontend::RecordingRest;
using frontend::ReplayReport;

struct Arguments {
  std::string folder{};
  bool json = false;
};

std::string how_it_ends(const ReplayReport& report) {
  if (report.difference) return "run until something differed";
  const std::string bytes = std::to_string(report.rest.bytes) + " bytes";
  switch (report.end) {
    case ReplayReport::End::kWhole:
      return "recorded to the server's end";
    case ReplayReport::End::kFull:
      return "recorded until record_bytes was reached";
    case ReplayReport::End::kOpen:
      break;
  }
  switch (report.rest.kind) {
    case RecordingRest::Kind::kNothing:
      return "recorded until the server was killed, or could write no more";
    case RecordingRest::Kind::kTorn:
      return "torn at its end, as by a kill: its last " + bytes + " were not run";
    case RecordingRest::Kind::kDamaged:
      return "DAMAGED at block " + std::to_string(report.rest.block) + ": the " + bytes +
             " from there on were not run";
  }
  return {};
}

std::string_view end_word(const ReplayReport& report) {
  if (report.difference) return "not reached";
  if (report.end == ReplayReport::End::kWhole) return "whole";
  if (report.end == ReplayReport::End::kFull) return "full";
  if (report.rest.kind == RecordingRest::Kind::kTorn) return "torn";
  return report.rest.kind == RecordingRest::Kind::kDamaged ? "damaged" : "open";
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
              {"end", end_word(report)},
              {"how", how_it_ends(report)},
              {"bytes_not_run", report.rest.bytes},
              {"build", report.head.build},
              {"same_build", report.head.build == frontend::this_build()},
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
               std::to_string(report.inputs) + " inputs, " + how_it_ends(report) + "; " +
               std::to_string(report.states) + " states and " + std::to_string(report.outputs) +
               " outputs compared: " + (report.difference ? "NOT the same" : "the same") + "\n");
  if (report.difference) {
    output.write("  first difference at event " + std::to_string(report.difference->event) + ": " +
                 report.difference->what + "\n");
  }
}

// Which there should be, and are not, or are under another's name.
class Inventory {
 public:
  explicit Inventory(fs::path folder) : folder_(std::move(folder)) {}
  // False: it is not what its name says.
  bool take(const fs::path& file, const frontend::RecordingHead& head) {
    shards_ = std::max(shards_, head.shards);
    there_.insert(file.filename().string());
    const std::string name = frontend::recording_name(head.core, head.shard);
    if (file.filename() == name) return true;
    complain(file.string() + " is what was recorded as " + name);
    return false;
  }
  bool is_complete() const {
    bool is_complete = true;
    for (const std::string& name : frontend::recording_names(shards_)) {
      if (there_.contains(name)) continue;
      complain((folder_ / name).string() + " is missing: the server wrote one");
      is_complete = false;
    }
    return is_complete;
  }

 private:
  const fs::path folder_;
  std::uint64_t shards_ = 0;
  std::set<std::string> there_;
};

int run(const Arguments& arguments) {
  const std::vector<fs::path> files = recordings_in(arguments.folder);
  if (files.empty()) {
    complain("there is no recording in " + arguments.folder +
             " (a server makes one with --record)");
    return kCannotRun;
  }
  Inventory inventory(arguments.folder);
  bool is_good = true;
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    const auto report = frontend::replay(in);
    if (!report) {
      complain(file.string() + ": " + report.error().message);
      return kCannotRun;
    }
    tell(file, *report, arguments.json);
    const bool is_damaged = report->rest.kind == RecordingRest::Kind::kDamaged;
    if (!inventory.take(file, report->head) || report->difference || is_damaged) is_good = false;
  }
  return inventory.is_complete() && is_good ? kDone : kRefused;
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
      "Exit codes: 0 the same, 1 something differs, is damaged or missing, 2 there is nothing that "
      "can be replayed");
  command->add_option("DIR", arguments->folder, "What was given to bimipd as --record")->required();
  command->add_flag("--json", arguments->json, "Write JSON for programs");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace bimip::tools
