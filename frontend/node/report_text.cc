#include "frontend/node/report_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace bimip::frontend {
namespace {

using engine::PartitionReport;

std::string place(const std::vector<engine::TopicInfo>& topics, engine::TopicId topic,
                  engine::PartitionId partition) {
  const auto found = std::ranges::find(topics, topic, &engine::TopicInfo::id);
  const std::string name =
      found != topics.end() ? found->name : "topic id " + std::to_string(topic.value());
  return name + "/" + std::to_string(partition.value());
}

void add_partition(const PartitionReport& report, const std::string& where,
                   std::vector<std::string>& lines) {
  for (const engine::TornTail& torn : report.torn) {
    lines.push_back(fmt::format(
        "{}: cut {} bytes that were never acknowledged as durable behind offset {}; kept in {}",
        where, torn.end - torn.from, report.log_end.value(), torn.kept_in.string()));
  }
  for (const engine::DamagedRange& damage : report.damaged) {
    lines.push_back(fmt::format(
        "{}: DAMAGED: offsets [{}, {}) cannot be read: {} (segment {}, bytes [{}, {}), left as "
        "they are)",
        where, damage.offsets.first.value(), damage.offsets.end.value(), damage.why,
        damage.epoch.value(), damage.from.value(), damage.end.value()));
  }
  for (const std::string& note : report.notes) lines.push_back(where + ": " + note);
}

}  // namespace

std::vector<std::string> report_lines(const engine::StoreReport& report,
                                      const std::vector<engine::TopicInfo>& topics) {
  std::vector<std::string> lines;
  if (!report.device_warning.empty()) lines.push_back(report.device_warning);
  const auto clean = std::ranges::count_if(report.partitions, &PartitionReport::clean);
  lines.push_back(fmt::format(
      "store {:016x}{:016x}: {}, {} topics, {} partitions ({} closed cleanly), {} "
      "bytes read to open it",
      report.store.high, report.store.low, report.created ? "created" : "opened", topics.size(),
      report.partitions.size() + report.unusable.size(), clean, report.bytes_read()));
  for (const PartitionReport& partition : report.partitions)
    add_partition(partition, place(topics, partition.topic, partition.partition), lines);
  for (const engine::StoreReport::Unusable& unusable : report.unusable) {
    lines.push_back(fmt::format("{}/{}: CANNOT BE OPENED: {}", unusable.topic,
                                unusable.partition.value(), unusable.error.message));
  }
  for (const std::string& orphan : report.orphans)
    lines.push_back(fmt::format("topics/{}: no topic of this store; left alone", orphan));
  return lines;
}

std::string finding_line(const engine::ScrubFinding& finding) {
  const engine::OffsetRange& lost = finding.offsets;
  return fmt::format(
      "DAMAGED: {}: bytes [{}, {}): {}", finding.why, finding.from.value(), finding.end.value(),
      lost.first == lost.end
          ? std::string("no record is lost")
          : fmt::format("offsets [{}, {}) cannot be read", lost.first.value(), lost.end.value()));
}

}  // namespace bimip::frontend
