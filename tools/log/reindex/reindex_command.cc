#include "tools/log/reindex/reindex_command.h"

#include <nlohmann/json.hpp>

#include "tools/log/output_folder.h"
#include "tools/log/progress.h"
#include "tools/log/reindex/reindex.h"
#include "tools/log/report_text.h"
#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

Status check(const ReindexArguments& arguments) {
  const bool replaces = arguments.replace == InPlace::kYes;
  const bool writes = arguments.effect == Effect::kWrite;
  if (writes && arguments.to.has_value() == replaces)
    return fail(ErrorCode::kInvalidArgument, "give --to DIR, --replace or --dry-run");
  return arguments.to ? check_output_folder(*arguments.to, arguments.path) : Status{};
}

std::string reindex_text(const ReindexReport& report, const ReindexArguments& arguments) {
  const bool writes = arguments.effect == Effect::kWrite;
  std::string out;
  std::uint64_t wrong = 0;
  std::uint64_t written = 0;
  for (const DerivedFile& file : report.files) {
    written += file.written.empty() ? 0U : 1U;
    if (!file.is_whole)
      out += file.path.string() + ": the segment is damaged; the index knows of what is whole\n";
    if (file.state == DerivedState::kRight) continue;
    ++wrong;
    out += file.path.string() + ": " + file.why +
           (file.written == file.path ? "; made again" : "") + "\n";
  }
  if (!writes) written = arguments.to ? report.files.size() : wrong;
  const std::string size =
      report.bytes_written > 0 ? " (" + bytes_text(report.bytes_written) + ")" : "";
  return out + count_text(report.files.size(), "derived file") + ", " + std::to_string(wrong) +
         " missing or wrong, " + std::to_string(written) +
         (writes ? " written" + size + "\n"
                 : " to be written" + size + "; nothing was written (--dry-run)\n");
}

Json reindex_json(const ReindexReport& report, const Inventory& inventory, Effect effect) {
  Json files = Json::array();
  for (const DerivedFile& file : report.files) {
    Json json{{"file", file.path.string()},
              {"topic", file.topic},
              {"partition", file.partition.value()},
              {"state", name_of(file.state)},
              {"log_whole", file.is_whole}};
    if (!file.why.empty()) json["what"] = file.why;
    if (!file.written.empty()) json["written"] = file.written.string();
    files.push_back(std::move(json));
  }
  return {{"schema", "bimip.log.reindex/1"},
          {"path", inventory.root.string()},
          {"dry_run", effect == Effect::kDryRun},
          {"right", report.is_right()},
          {"bytes_read", report.bytes_read},
          {"bytes_written", report.bytes_written},
          {"files", std::move(files)}};
}

}  // namespace

Exit run_reindex(const ReindexArguments& arguments, const Console& console) {
  if (const Status good = check(arguments); !good) return cannot_run(good.error(), console);
  const Result<Inventory> inventory = take_inventory(arguments.path);
  if (!inventory) return cannot_run(inventory.error(), console);
  ProgressLine progress(console);
  ReindexRequest request{.inventory = *inventory,
                         .folder = arguments.to.value_or(Path()),
                         .effect = arguments.effect,
                         .jobs = arguments.jobs,
                         .on_progress = [&](std::uint64_t done, std::uint64_t total) {
                           progress.draw({}, done, total);
                         }};
  if (arguments.to) request.target = Target::kFolder;
  if (arguments.replace == InPlace::kYes) request.target = Target::kInPlace;
  const Result<ReindexReport> report = reindex(request);
  progress.wipe();
  if (!report) return cannot_run(report.error(), console);
  console.out(arguments.format == Format::kJson
                  ? line(reindex_json(*report, *inventory, arguments.effect))
                  : reindex_text(*report, arguments));
  return report->is_right() ? Exit::kClean : Exit::kDamage;
}

}  // namespace bimip::log_tools
