#include "tools/log/rewrite/written_store.h"

#include <nlohmann/json.hpp>

#include "tools/log/progress.h"
#include "tools/log/report_text.h"

namespace bimip::log_tools {

Status check_target(const std::optional<Path>& to, InPlace replace, Effect effect) {
  if (effect == Effect::kDryRun) return {};
  if (to.has_value() == (replace == InPlace::kYes))
    return fail(ErrorCode::kInvalidArgument, "give --to DIR, --replace or --dry-run");
  return {};
}

Result<WorkingCopy> copy_to_work_on(Device& device, const Inventory& store,
                                    const std::optional<Path>& to, const Console& console) {
  ProgressLine progress(console);
  Result<WorkingCopy> copy = WorkingCopy::make(
      device,
      {.store = store, .to = to, .on_progress = [&](std::uint64_t done, std::uint64_t total) {
         progress.draw("copying", done, total);
       }});
  progress.wipe();
  return copy;
}

Result<VerifyReport> verify_written(const Path& folder, unsigned jobs) {
  const Result<Inventory> inventory = take_inventory(folder);
  if (!inventory) return std::unexpected(inventory.error());
  return verify(*inventory, {.depth = Depth::kRecords, .jobs = jobs});
}

Exit refuse_written(const VerifyReport& report, const Console& console) {
  for (const Finding& finding : report.findings) {
    if (finding.verdict == Verdict::kDamage) console.err(finding_text(finding) + "\n");
  }
  console.err(
      "bimip log: what was written is not clean, so the store stays as it is; 'bimip log verify' "
      "says whether it was clean before, 'bimip log salvage' makes a clean one\n");
  return Exit::kDamage;
}

}  // namespace bimip::log_tools
