#include "tools/log/rewrite/written_store.h"

#include <algorithm>
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

Result<WholeStore> take_whole_store(const Path& path, const std::string& topic) {
  WholeStore whole{.topic = topic};
  Path root;
  {
    Result<Inventory> asked = take_inventory(path);
    if (!asked) return std::unexpected(std::move(asked.error()));
    const bool is_topic = asked->scope == Scope::kTopic && asked->data_directory;
    if (asked->scope != Scope::kStore && !is_topic)
      return fail(ErrorCode::kInvalidArgument,
                  path.string() + ": is neither a data directory nor a topic in one");
    if (is_topic) {
      whole.topic = asked->root.filename().string();
      root = *asked->data_directory;
      if (!topic.empty() && topic != whole.topic)
        return fail(ErrorCode::kInvalidArgument,
                    path.string() + ": is not the topic '" + topic + "'");
    } else {
      whole.inventory = std::move(*asked);
    }
  }
  if (!root.empty()) {
    Result<Inventory> store = take_inventory(root);
    if (!store) return std::unexpected(std::move(store.error()));
    whole.inventory = std::move(*store);
  }
  if (!whole.inventory.catalog)
    return fail(ErrorCode::kDamaged, path.string() + ": no catalog that holds");
  const auto& topics = whole.inventory.catalog->topics;
  if (!whole.topic.empty() &&
      std::ranges::find(topics, whole.topic, &CatalogTopic::name) == topics.end())
    return fail(ErrorCode::kNotFound, "no topic '" + whole.topic + "'");
  return whole;
}

Status check_to(Device& device, const Inventory& store, const std::optional<Path>& to) {
  return to ? WorkingCopy::check(device, {.store = store, .to = to}) : Status{};
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
