#include "tools/log/salvage/salvage_command.h"

#include <nlohmann/json.hpp>

#include "engine/base/clock.h"
#include "tools/log/interrupt.h"
#include "tools/log/output_folder.h"
#include "tools/log/progress.h"
#include "tools/log/salvage/salvage_report.h"

namespace bimip::log_tools {
namespace {

std::string_view name_of(SalvageProgress::Phase phase) {
  switch (phase) {
    case SalvageProgress::Phase::kReading:
      return "reading";
    case SalvageProgress::Phase::kCopying:
      return "copying";
    case SalvageProgress::Phase::kVerifying:
      return "verifying what was written";
  }
  return "";
}

Status check(const SalvageArguments& arguments) {
  if (!arguments.to && arguments.effect == Effect::kWrite)
    return fail(ErrorCode::kInvalidArgument, "give --to DIR to write to, or --dry-run");
  if (!arguments.report) return {};
  std::error_code ignored;
  const Path& report = *arguments.report;
  if (std::filesystem::exists(report, ignored))
    return fail(ErrorCode::kInvalidArgument, report.string() + ": is there already");
  if (lies_in(report, arguments.path))
    return fail(ErrorCode::kInvalidArgument,
                report.string() + ": lies in what is read, and that is never written to");
  return {};
}

Status write_new(Device& device, const Path& path, std::string_view text) {
  if (Status made = make_folders(device, path.parent_path()); !made) return made;
  return replace_file(device, std::filesystem::absolute(path), as_bytes(text));
}

// Beside the store that was written.
Status keep_reports(Device& device, const SalvageReport& report) {
  if (!report.to) return {};
  const Path folder = *report.to / kSalvageFolder;
  Status done = write_new(device, folder / "report.json", line(salvage_json(report)));
  return done ? write_new(device, folder / "report.txt", salvage_text(report)) : done;
}

// The store is there and whole, and has the report: losing another copy of it loses nothing.
Exit without_report(const Error& error, const SalvageReport& report, const Console& console) {
  const Exit exit = cannot_run(error, console);
  if (report.to) {
    console.err("bimip log: the store in " + report.to->string() + " is whole; the report is in " +
                (*report.to / kSalvageFolder).string() + "\n");
  }
  return exit;
}

}  // namespace

Exit run_salvage(const SalvageArguments& arguments, const Console& console) {
  if (const Status good = check(arguments); !good) return cannot_run(good.error(), console);
  ProgressLine progress(console);
  Result<SalvageReport> report =
      salvage({.root = arguments.path,
               .to = arguments.to,
               .effect = arguments.effect,
               .jobs = arguments.jobs,
               .now = system_clock().now(),
               .on_progress = [&](const SalvageProgress& now) {
                 progress.draw(name_of(now.phase), now.bytes_done, now.bytes_total);
               }});
  progress.wipe();
  if (!report) return cannot_run(report.error(), console);
  const std::unique_ptr<Device> device = make_output_device();
  if (const Status kept = keep_reports(*device, *report); !kept)
    return cannot_run(kept.error(), console);
  report->output.keep();
  const std::string json = line(salvage_json(*report));
  console.out(arguments.format == Format::kJson ? json : salvage_text(*report));
  if (arguments.report) {
    if (const Status written = write_new(*device, *arguments.report, json); !written)
      return without_report(written.error(), *report, console);
  }
  return report->is_complete() ? Exit::kClean : Exit::kDamage;
}

}  // namespace bimip::log_tools
