#include "tools/log/verify.h"

#include <algorithm>

#include "tools/log/parallel.h"
#include "tools/log/partition_check.h"

namespace bimip::log_tools {
namespace {

struct Work {
  PartitionCheck* partition;
  std::size_t segment;
  std::uint64_t bytes;
};

void add_counts(const PartitionCheck& partition, VerifyReport& report) {
  for (std::size_t i = 0; i < partition.size(); ++i) {
    ++report.segments;
    if (!partition.facts(i)) continue;
    report.blocks += partition.facts(i)->blocks;
    report.records += partition.facts(i)->totals.record_count;
  }
}

Finding unidentified(const PartitionPlace& place) {
  return {.file = place.folder,
          .topic = place.topic,
          .what = "no file in the folder says which partition of which store it is",
          .next = "put the manifest and the segments back from a backup"};
}

}  // namespace

bool VerifyReport::is_clean() const {
  return std::ranges::none_of(
      findings, [](const Finding& finding) { return finding.verdict == Verdict::kDamage; });
}

Result<VerifyReport> verify(const Inventory& inventory, const VerifyOptions& options) {
  VerifyReport report{.findings = inventory.findings};
  std::vector<std::unique_ptr<PartitionCheck>> partitions;
  std::vector<Work> work;
  VerifyProgress progress;
  for (const PartitionPlace& place : inventory.partitions) {
    if (!place.has_identity) {
      report.findings.push_back(unidentified(place));
      continue;
    }
    partitions.push_back(std::make_unique<PartitionCheck>(place, options.depth));
    for (std::size_t i = 0; i < place.segments.size(); ++i) {
      work.push_back({partitions.back().get(), i, place.segments[i].bytes});
      progress.bytes_total += place.segments[i].bytes;
    }
  }
  // The largest first, so that none is left alone at the end.
  std::ranges::stable_sort(work, std::greater(), &Work::bytes);
  std::atomic<std::uint64_t> bytes_read{0};
  run_parallel({.count = work.size(),
                .jobs = options.jobs,
                .work =
                    [&](std::size_t i) {
                      const Work& one = work[i];
                      one.partition->set_facts(
                          one.segment, check_segment(one.partition->task(one.segment, bytes_read)));
                    },
                .meanwhile =
                    [&] {
                      progress.bytes_read = bytes_read;
                      if (options.on_progress) options.on_progress(progress);
                    }});
  report.partitions = inventory.partitions.size();
  report.bytes_read = bytes_read;
  for (const std::unique_ptr<PartitionCheck>& partition : partitions) {
    Result<std::vector<Finding>> findings = partition->compare();
    if (!findings) return std::unexpected(std::move(findings.error()));
    std::ranges::move(*findings, std::back_inserter(report.findings));
    add_counts(*partition, report);
  }
  return report;
}

}  // namespace bimip::log_tools
