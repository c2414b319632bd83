#include "tools/log/diff/diff_command.h"

#include <nlohmann/json.hpp>

#include "tools/log/diff/diff.h"
#include "tools/log/progress.h"
#include "tools/log/report_text.h"
#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

std::string partition_text(const PartitionDifference& partition) {
  std::string out = partition.topic + "/" + std::to_string(partition.partition.value()) + ": ";
  if (partition.only_in) {
    return out + "is only in the " + (*partition.only_in == Side::kFirst ? "first" : "second") +
           "\n";
  }
  if (partition.is_equal()) return {};
  if (partition.first_offsets != partition.second_offsets) {
    out += "offsets " + range_text(partition.first_offsets) + " in the first, " +
           range_text(partition.second_offsets) + " in the second; ";
  }
  if (!partition.first_difference) return out + "the records are equal\n";
  return out + "first difference: offset " + std::to_string(partition.first_difference->value()) +
         " " + partition.what + "\n  only in the first " + std::to_string(partition.only_in_first) +
         ", only in the second " + std::to_string(partition.only_in_second) + ", changed " +
         std::to_string(partition.changed) + "\n";
}

std::string diff_text(const DiffReport& report) {
  std::string out;
  for (const std::string& topic : report.topics) out += topic + "\n";
  std::uint64_t different = 0;
  std::uint64_t segments = 0;
  std::uint64_t records = 0;
  for (const PartitionDifference& partition : report.partitions) {
    out += partition_text(partition);
    different += partition.is_equal() ? 0U : 1U;
    segments += partition.segments_equal;
    records += partition.records_compared;
  }
  out += count_text(report.partitions.size(), "partition") + ": " +
         count_text(segments, "segment") + " equal by their hashes, " +
         count_text(records, "record") + " compared\n";
  if (report.is_equal()) return out + "equal\n";
  return out + "different: " + count_text(different, "partition") + "\n";
}

Json partition_json(const PartitionDifference& partition) {
  Json json{{"topic", partition.topic},
            {"partition", partition.partition.value()},
            {"equal", partition.is_equal()}};
  if (partition.only_in) {
    json["only_in"] = *partition.only_in == Side::kFirst ? "first" : "second";
    return json;
  }
  json["first_offsets"] = range_json(partition.first_offsets);
  json["second_offsets"] = range_json(partition.second_offsets);
  json["segments_equal"] = partition.segments_equal;
  json["records_compared"] = partition.records_compared;
  json["only_in_first"] = partition.only_in_first;
  json["only_in_second"] = partition.only_in_second;
  json["changed"] = partition.changed;
  if (partition.first_difference) {
    json["first_difference"] = partition.first_difference->value();
    json["what"] = partition.what;
  }
  return json;
}

Json diff_json(const DiffReport& report, const DiffArguments& arguments) {
  Json partitions = Json::array();
  for (const PartitionDifference& partition : report.partitions)
    partitions.push_back(partition_json(partition));
  Json findings = Json::array();
  for (const Finding& finding : report.findings) findings.push_back(finding_json(finding));
  return {{"schema", "bimip.log.diff/1"},
          {"first", arguments.first.string()},
          {"second", arguments.second.string()},
          {"equal", report.is_equal()},
          {"topics", report.topics},
          {"partitions", std::move(partitions)},
          {"findings", std::move(findings)}};
}

}  // namespace

Exit run_diff(const DiffArguments& arguments, const Console& console) {
  const Result<Inventory> first = take_inventory(arguments.first, arguments.holding);
  if (!first) return cannot_run(first.error(), console);
  const Result<Inventory> second = take_inventory(arguments.second, arguments.holding);
  if (!second) return cannot_run(second.error(), console);
  DiffRequest request{.first = *first, .second = *second, .jobs = arguments.jobs};
  if (console.progress) {
    request.on_progress = [&](std::uint64_t done, std::uint64_t total) {
      console.progress(std::to_string(done) + " of " + count_text(total, "partition"));
    };
  }
  const Result<DiffReport> report = diff(request);
  if (console.progress) console.progress({});
  if (!report) return cannot_run(report.error(), console);
  if (arguments.format == Format::kJson) {
    console.out(line(diff_json(*report, arguments)));
  } else {
    for (const Finding& finding : report->findings) console.err(finding_text(finding));
    console.out(diff_text(*report));
  }
  return report->is_equal() ? Exit::kClean : Exit::kDamage;
}

}  // namespace bimip::log_tools
