#include "tools/log/backup/backup_commands.h"

#include <nlohmann/json.hpp>

#include "engine/base/clock.h"
#include "tools/log/backup/backup_folder.h"
#include "tools/log/backup/restore.h"
#include "tools/log/interrupt.h"
#include "tools/log/progress.h"
#include "tools/log/report_text.h"
#include "tools/log/text.h"
#include "tools/log/verify.h"

namespace bimip::log_tools {
namespace {

std::string name_of(const BackupPartition& partition) {
  return partition.topic + "/" + std::to_string(partition.partition.value());
}

std::string backup_text(const BackupReport& report, const BackupArguments& arguments) {
  std::string out;
  for (const Finding& finding : report.findings) out += finding_text(finding);
  const bool writes = arguments.effect == Effect::kWrite;
  return out + count_text(report.partitions.size(), "partition") + ": " +
         count_text(report.files_copied, "file") + (writes ? " copied, " : " to copy, ") +
         bytes_text(report.bytes_copied) + "; " + std::to_string(report.files_kept) +
         " were there; " +
         (writes ? "point " + report.point : std::string("nothing was written (--dry-run)")) + "\n";
}

Json backup_json(const BackupReport& report, const BackupArguments& arguments) {
  Json partitions = Json::array();
  for (const BackupPartition& partition : report.partitions) {
    partitions.push_back({{"topic", partition.topic},
                          {"partition", partition.partition.value()},
                          {"offsets", range_json(partition.offsets)},
                          {"files", partition.files.size()}});
  }
  Json findings = Json::array();
  for (const Finding& finding : report.findings) findings.push_back(finding_json(finding));
  Json json{{"schema", "bimip.log.backup/1"},
            {"path", arguments.path.string()},
            {"to", arguments.to.string()},
            {"dry_run", arguments.effect == Effect::kDryRun}};
  if (arguments.effect == Effect::kWrite) json["point"] = report.point;
  json["files_copied"] = report.files_copied;
  json["bytes_copied"] = report.bytes_copied;
  json["files_kept"] = report.files_kept;
  json["partitions"] = std::move(partitions);
  json["findings"] = std::move(findings);
  return json;
}

std::string restore_text(const RestoreReport& report, const RestoreArguments& arguments) {
  std::string out;
  for (std::size_t i = 0; i < report.partitions.size(); ++i)
    out += name_of(report.partitions[i]) + ": offsets " + range_text(report.restored[i]) + "\n";
  out += count_text(report.partitions.size(), "partition") + " of point " + report.point + ", " +
         bytes_text(report.bytes);
  return out + (arguments.effect == Effect::kWrite
                    ? "; written to " + arguments.to->string() + " and verified\n"
                    : "; every checksum holds; nothing was written (--dry-run)\n");
}

Json restore_json(const RestoreReport& report, const RestoreArguments& arguments) {
  Json partitions = Json::array();
  for (std::size_t i = 0; i < report.partitions.size(); ++i) {
    partitions.push_back({{"topic", report.partitions[i].topic},
                          {"partition", report.partitions[i].partition.value()},
                          {"offsets", range_json(report.restored[i])}});
  }
  Json json{{"schema", "bimip.log.restore/1"}, {"path", arguments.path.string()}};
  if (arguments.to) json["to"] = arguments.to->string();
  json["dry_run"] = arguments.effect == Effect::kDryRun;
  json["point"] = report.point;
  json["begun_at"] = time_text(report.begun_at);
  if (arguments.until) json["until"] = time_text(*arguments.until);
  json["bytes"] = report.bytes;
  json["partitions"] = std::move(partitions);
  return json;
}

Exit list_points(const RestoreArguments& arguments, const Console& console) {
  const Result<std::map<std::string, BackupPoint>> points = read_points(arguments.path);
  if (!points) return cannot_run(points.error(), console);
  for (const auto& [name, point] : *points) {
    if (arguments.format != Format::kJson) {
      console.out(name + "  " + count_text(point.partitions.size(), "partition") + "\n");
      continue;
    }
    console.out(line({{"point", name},
                      {"begun_at", time_text(point.begun_at)},
                      {"partitions", point.partitions.size()}}));
  }
  return Exit::kClean;
}

// What was backed up damaged is damaged still.
Exit verify_restored(const RestoreArguments& arguments, const Console& console) {
  const Result<Inventory> inventory = take_inventory(*arguments.to);
  if (!inventory) return cannot_run(inventory.error(), console);
  const Result<VerifyReport> verified =
      verify(*inventory, {.depth = Depth::kBlocks, .jobs = arguments.jobs});
  if (!verified) return cannot_run(verified.error(), console);
  for (const Finding& finding : verified->findings) {
    if (finding.verdict != Verdict::kDamage) continue;
    console.err(arguments.format == Format::kJson ? line(finding_json(finding))
                                                  : finding_text(finding));
  }
  return verified->is_clean() ? Exit::kClean : Exit::kDamage;
}

}  // namespace

Exit run_backup(const BackupArguments& arguments, const Console& console) {
  ProgressLine progress(console);
  const Result<BackupReport> report =
      back_up({.store = arguments.path,
               .to = arguments.to,
               .holding = arguments.holding,
               .effect = arguments.effect,
               .jobs = arguments.jobs,
               .now = system_clock().now(),
               .on_progress = [&](std::uint64_t done, std::uint64_t total) {
                 progress.draw({}, done, total);
               }});
  progress.wipe();
  if (!report) return cannot_run(report.error(), console);
  console.out(arguments.format == Format::kJson ? line(backup_json(*report, arguments))
                                                : backup_text(*report, arguments));
  return report->findings.empty() ? Exit::kClean : Exit::kDamage;
}

Exit run_restore(const RestoreArguments& arguments, const Console& console) {
  if (arguments.list == Listing::kYes) return list_points(arguments, console);
  if (!arguments.to && arguments.effect == Effect::kWrite) {
    return cannot_run({ErrorCode::kInvalidArgument, "give --to DIR, --list or --dry-run"}, console);
  }
  ProgressLine progress(console);
  Result<RestoreReport> report =
      restore({.backup = arguments.path,
               .to = arguments.to,
               .point = arguments.point,
               .until = arguments.until,
               .effect = arguments.effect,
               .jobs = arguments.jobs,
               .on_progress = [&](std::uint64_t done, std::uint64_t total) {
                 progress.draw({}, done, total);
               }});
  progress.wipe();
  if (!report) return cannot_run(report.error(), console);
  const Exit exit =
      arguments.effect == Effect::kWrite ? verify_restored(arguments, console) : Exit::kClean;
  if (exit == Exit::kCannotRun || interrupted_by()) return Exit::kCannotRun;
  report->output.keep();
  console.out(arguments.format == Format::kJson ? line(restore_json(*report, arguments))
                                                : restore_text(*report, arguments));
  return exit;
}

}  // namespace bimip::log_tools
