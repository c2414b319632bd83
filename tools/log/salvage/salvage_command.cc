#include "tools/log/salvage/salvage_command.h"

#include <nlohmann/json.hpp>

#include "engine/base/clock.h"
#include "engine/device/posix_device.h"
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

Status keep_reports(const SalvageArguments& arguments, const SalvageReport& report) {
  const std::unique_ptr<Device> device = make_posix_device();
  const std::string json = line(salvage_json(report));
  Status done;
  if (report.to) {
    const Path folder = *report.to / kSalvageFolder;
    done = write_new(*device, folder / "report.json", json);
    if (done) done = write_new(*device, folder / "report.txt", salvage_text(report));
  }
  if (done && arguments.report) done = write_new(*device, *arguments.report, json);
  return done;
}

}  // namespace

Exit run_salvage(const SalvageArguments& arguments, const Console& console) {
  if (const Status good = check(arguments); !good) return cannot_run(good.error(), console);
  ProgressLine progress(console);
  SalvageRequest request{.root = arguments.path,
                         .jobs = arguments.jobs,
                         .now = system_clock().now(),
                         .on_progress = [&](const SalvageProgress& now) {
                           progress.draw(name_of(now.phase), now.bytes_done, now.bytes_total);
                         }};
  if (arguments.effect == Effect::kWrite) request.to = arguments.to;
  const Result<SalvageReport> report = salvage(request);
  progress.wipe();
  if (!report) return cannot_run(report.error(), console);
  if (const Status kept = keep_reports(arguments, *report); !kept)
    return cannot_run(kept.error(), console);
  console.out(arguments.format == Format::kJson ? line(salvage_json(*report))
                                                : salvage_text(*report));
  return report->is_complete() ? Exit::kClean : Exit::kDamage;
}

}  // namespace bimip::log_tools
