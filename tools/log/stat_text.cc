#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/log/report_text.h"
#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

using Align = TextTable::Align;

std::string state_text(const SegmentStat& segment) {
  if (!segment.state) return "not listed";
  switch (*segment.state) {
    case SegmentState::kSealed:
      return "sealed";
    case SegmentState::kActive:
      return "active";
    case SegmentState::kPrepared:
      return "prepared";
  }
  return "";
}

double fill_of(const SegmentStat& stat) {
  if (stat.used_bytes == 0) return 0;
  return static_cast<double>(stat.payload_bytes) / static_cast<double>(stat.used_bytes);
}
std::string fill_text(const SegmentStat& stat) {
  return std::to_string(std::lround(fill_of(stat) * 100)) + " %";
}

void add_times(std::vector<std::string>& row, const SegmentStat& stat) {
  row.push_back(stat.records > 0 ? time_text(stat.first_timestamp) : "-");
  row.push_back(stat.records > 0 ? time_text(stat.last_timestamp) : "-");
}

std::vector<std::string> numbers(const SegmentStat& stat) {
  std::vector<std::string> row{std::to_string(stat.records), bytes_text(stat.payload_bytes),
                               bytes_text(stat.disk_bytes), fill_text(stat)};
  add_times(row, stat);
  return row;
}

void put(Json& json, const SegmentStat& stat) {
  json["records"] = stat.records;
  json["payload_bytes"] = stat.payload_bytes;
  json["used_bytes"] = stat.used_bytes;
  json["disk_bytes"] = stat.disk_bytes;
  json["fill"] = std::round(fill_of(stat) * 1000) / 1000;
  if (stat.records > 0) {
    json["oldest"] = time_text(stat.first_timestamp);
    json["newest"] = time_text(stat.last_timestamp);
  }
}

Json offsets_json(const OffsetRange& range) {
  return {{"first", range.first.value()}, {"end", range.end.value()}};
}

std::string freeable_text(const Freeable& freeable) {
  if (freeable.bytes() == 0) return "-";
  return (freeable.waits_for_cursors ? "up to " : "") + bytes_text(freeable.bytes());
}

Json freeable_json(const Freeable& freeable) {
  return {{"retention",
           {{"segments", freeable.retention_segments},
            {"records", freeable.retention_records},
            {"bytes", freeable.retention_bytes}}},
          {"superseded",
           {{"records", freeable.superseded_records}, {"bytes", freeable.superseded_bytes}}},
          {"waits_for_cursors", freeable.waits_for_cursors}};
}

std::string partitions_table(const StatReport& report) {
  TextTable table({Align::kLeft, Align::kRight, Align::kRight, Align::kLeft, Align::kRight,
                   Align::kRight, Align::kRight, Align::kRight, Align::kLeft, Align::kLeft,
                   Align::kRight});
  table.add({"TOPIC", "PART", "SEGMENTS", "OFFSETS", "RECORDS", "PAYLOAD", "ON DISK", "FILL",
             "OLDEST", "NEWEST", "FREEABLE"});
  const auto add = [&](std::vector<std::string> front, const SegmentStat& stat,
                       const Freeable& freeable) {
    for (std::string& cell : numbers(stat)) front.push_back(std::move(cell));
    front.push_back(freeable_text(freeable));
    table.add(std::move(front));
  };
  for (const PartitionStat& partition : report.partitions) {
    add({partition.topic, std::to_string(partition.partition.value()),
         std::to_string(partition.segments.size()), range_text(partition.offsets)},
        partition.total, partition.freeable);
  }
  add({"total", std::to_string(report.partitions.size()), std::to_string(report.segments), ""},
      report.total, report.freeable);
  return table.text();
}

std::string segments_table(const PartitionStat& partition) {
  TextTable table({Align::kRight, Align::kLeft, Align::kLeft, Align::kRight, Align::kRight,
                   Align::kRight, Align::kRight, Align::kLeft, Align::kLeft});
  table.add(
      {"EPOCH", "STATE", "OFFSETS", "RECORDS", "PAYLOAD", "ON DISK", "FILL", "OLDEST", "NEWEST"});
  for (const SegmentStat& segment : partition.segments) {
    std::vector<std::string> row{std::to_string(segment.epoch.value()), state_text(segment),
                                 range_text(segment.offsets)};
    for (std::string& cell : numbers(segment)) row.push_back(std::move(cell));
    table.add(std::move(row));
  }
  return partition.topic + "/" + std::to_string(partition.partition.value()) + "\n" + table.text();
}

}  // namespace

std::string stat_text(const StatReport& report, Detail detail) {
  std::string out;
  if (detail == Detail::kSegments) {
    for (const PartitionStat& partition : report.partitions)
      out += segments_table(partition) + "\n";
  }
  out += partitions_table(report);
  return out + count_text(report.topics, "topic") + ", " +
         count_text(report.partitions.size(), "partition") + ", " +
         count_text(report.segments, "segment") +
         (report.spare_disk_bytes > 0
              ? "; spare segments take " + bytes_text(report.spare_disk_bytes)
              : "") +
         "\n";
}

Json stat_json(const StatReport& report) {
  Json partitions = Json::array();
  for (const PartitionStat& partition : report.partitions) {
    Json segments = Json::array();
    for (const SegmentStat& segment : partition.segments) {
      Json one{{"epoch", segment.epoch.value()},
               {"state", state_text(segment)},
               {"offsets", offsets_json(segment.offsets)}};
      put(one, segment);
      segments.push_back(std::move(one));
    }
    Json one{{"topic", partition.topic},
             {"partition", partition.partition.value()},
             {"offsets", offsets_json(partition.offsets)}};
    put(one, partition.total);
    one["freeable"] = freeable_json(partition.freeable);
    one["segments"] = std::move(segments);
    partitions.push_back(std::move(one));
  }
  Json total;
  put(total, report.total);
  total["freeable"] = freeable_json(report.freeable);
  Json findings = Json::array();
  for (const Finding& finding : report.findings) findings.push_back(finding_json(finding));
  return {{"schema", "bimip.log.stat/1"},   {"topics", report.topics},
          {"segments", report.segments},    {"spare_disk_bytes", report.spare_disk_bytes},
          {"total", std::move(total)},      {"partitions", std::move(partitions)},
          {"findings", std::move(findings)}};
}

}  // namespace bimip::log_tools
