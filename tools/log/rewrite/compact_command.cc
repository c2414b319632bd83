#include "tools/log/rewrite/compact_command.h"

#include <nlohmann/json.hpp>

#include "engine/base/clock.h"
#include "tools/log/interrupt.h"
#include "tools/log/progress.h"
#include "tools/log/report_text.h"
#include "tools/log/rewrite/compact.h"
#include "tools/log/rewrite/written_store.h"
#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

using Partitions = std::vector<CompactedPartition>;

constexpr std::size_t kPoolBytes = 16 * 1024 * 1024;

bool is_wanted(const CompactArguments& arguments, const std::string& topic) {
  return arguments.topic.empty() || arguments.topic == topic;
}

Result<Partitions> foresee(const CompactArguments& arguments, const Inventory& inventory,
                           Device& device, ProgressLine& progress) {
  BufferPool pool(kPoolBytes);
  Partitions partitions;
  for (std::size_t i = 0; i < inventory.partitions.size(); ++i) {
    const PartitionPlace& place = inventory.partitions[i];
    progress.draw("reading", i, inventory.partitions.size());
    if (!is_wanted(arguments, place.topic)) continue;
    Result<CompactedPartition> foreseen =
        foresee_compaction(device, pool, place, system_clock().now());
    if (!foreseen) return std::unexpected(std::move(foreseen.error()));
    partitions.push_back(std::move(*foreseen));
  }
  return partitions;
}

Result<Partitions> compact(const CompactArguments& arguments, const Catalog& catalog,
                           const Path& store, Device& device) {
  BufferPool pool(kPoolBytes);
  Partitions partitions;
  for (const CatalogTopic& topic : catalog.topics) {
    if (!is_wanted(arguments, topic.name)) continue;
    for (std::uint32_t i = 0; i < topic.config.partitions; ++i) {
      const CompactTask task{.folder = store / file_names::kTopics / topic.name /
                                       file_names::partition(PartitionId(i)),
                             .topic = topic,
                             .partition = {.store = catalog.store,
                                           .topic = topic.id,
                                           .partition = PartitionId(i),
                                           .epoch = {}},
                             .now = system_clock().now()};
      Result<CompactedPartition> compacted = compact_partition(device, pool, task);
      if (!compacted)
        return fail_at(topic.name + "/" + std::to_string(i), std::move(compacted.error()));
      partitions.push_back(std::move(*compacted));
    }
  }
  return partitions;
}

Json size_json(const SealedSize& size) {
  return {{"segments", size.segments}, {"records", size.records}, {"bytes", size.bytes}};
}

SealedSize sum(const Partitions& partitions, SealedSize CompactedPartition::* which) {
  SealedSize total;
  for (const CompactedPartition& partition : partitions) {
    total.segments += (partition.*which).segments;
    total.records += (partition.*which).records;
    total.bytes += (partition.*which).bytes;
  }
  return total;
}

Json report_json(const CompactArguments& arguments, const Partitions& partitions) {
  Json all = Json::array();
  for (const CompactedPartition& one : partitions) {
    Json json{{"topic", one.topic},
              {"partition", one.partition.value()},
              {"before", size_json(one.before)},
              {"after", size_json(one.after)}};
    if (!one.left_alone.empty()) json["left_alone"] = one.left_alone;
    all.push_back(std::move(json));
  }
  Json json{{"schema", "bimip.log.compact/1"},
            {"path", arguments.path.string()},
            {"dry_run", arguments.effect == Effect::kDryRun},
            {"before", size_json(sum(partitions, &CompactedPartition::before))},
            {"after", size_json(sum(partitions, &CompactedPartition::after))},
            {"partitions", std::move(all)}};
  if (arguments.to) json["to"] = arguments.to->string();
  return json;
}

std::string report_text(const CompactArguments& arguments, const Partitions& partitions) {
  using Align = TextTable::Align;
  TextTable table(
      {Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight});
  table.add({"TOPIC", "PART", "RECORDS", "LEFT", "SEALED BYTES", "LEFT"});
  std::string notes;
  const auto add = [&](const std::string& topic, const std::string& partition,
                       const SealedSize& before, const SealedSize& after) {
    table.add({topic, partition, std::to_string(before.records), std::to_string(after.records),
               bytes_text(before.bytes), bytes_text(after.bytes)});
  };
  for (const CompactedPartition& one : partitions) {
    for (const std::string& why : one.left_alone) notes += why + "; left as it is\n";
    add(one.topic, std::to_string(one.partition.value()), one.before, one.after);
  }
  add("total", std::to_string(partitions.size()), sum(partitions, &CompactedPartition::before),
      sum(partitions, &CompactedPartition::after));
  return notes + table.text() +
         (arguments.effect == Effect::kDryRun
              ? "nothing was written (--dry-run); bytes are an estimate\n"
              : "");
}

Exit tell(const CompactArguments& arguments, const Partitions& partitions, const Console& console) {
  console.out(arguments.format == Format::kJson ? line(report_json(arguments, partitions))
                                                : report_text(arguments, partitions));
  const bool all = std::ranges::all_of(
      partitions, [](const CompactedPartition& one) { return one.left_alone.empty(); });
  return all ? Exit::kClean : Exit::kDamage;
}

}  // namespace

Exit run_compact(const CompactArguments& asked, const Console& console) {
  if (const Status good = check_target(asked.to, asked.replace, asked.effect); !good)
    return cannot_run(good.error(), console);
  const Result<WholeStore> store = take_whole_store(asked.path, asked.topic);
  if (!store) return cannot_run(store.error(), console);
  const Inventory& inventory = store->inventory;
  CompactArguments arguments = asked;
  arguments.topic = store->topic;
  const std::unique_ptr<Device> device = make_output_device();
  if (arguments.effect == Effect::kDryRun) {
    if (const Status fits = check_to(*device, inventory, arguments.to); !fits)
      return cannot_run(fits.error(), console);
    ProgressLine progress(console);
    const Result<Partitions> foreseen = foresee(arguments, inventory, *device, progress);
    progress.wipe();
    return foreseen ? tell(arguments, *foreseen, console) : cannot_run(foreseen.error(), console);
  }
  Result<WorkingCopy> copy = copy_to_work_on(*device, inventory, arguments.to, console);
  if (!copy) return cannot_run(copy.error(), console);
  const Result<Partitions> compacted =
      compact(arguments, *inventory.catalog, copy->folder(), *device);
  if (!compacted) return cannot_run(compacted.error(), console);
  const Result<VerifyReport> verified = verify_written(copy->folder(), arguments.jobs);
  if (!verified) return cannot_run(verified.error(), console);
  if (!verified->is_clean()) return refuse_written(*verified, console);
  if (Status put = copy->put_in_place(); !put) return cannot_run(put.error(), console);
  return tell(arguments, *compacted, console);
}

}  // namespace bimip::log_tools
