#include "tools/log/salvage/salvage_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

constexpr std::size_t kShownMax = 20;  // of a list, in text; JSON has all of it

std::string name_of(const TopicReport& topic, const PartitionPlan& plan) {
  return topic.plan.topic.name + "/" + std::to_string(plan.identity.partition.value());
}

std::string around_text(const Gap& gap) {
  std::string out;
  if (gap.after) out += ", after " + time_text(*gap.after);
  if (gap.before) out += ", before " + time_text(*gap.before);
  return out;
}

std::string increments_text(const IncrementRange& missing) {
  if (missing.first >= missing.end) return {};
  const std::string last = std::to_string(missing.end.value() - 1);
  if (missing.first + 1 == missing.end) return " (increment " + last + ")";
  return " (increments " + std::to_string(missing.first.value()) + " to " + last + ")";
}

std::string keys_text(const GapReport& gap) {
  std::string out;
  std::size_t shown = 0;
  for (const auto& [key, missing] : gap.keys) {
    if (shown++ == kShownMax) break;
    out += (out.empty() ? "" : ", ") + escaped(as_bytes(key)) + increments_text(missing);
  }
  const std::uint64_t more =
      gap.keys.size() + gap.keys_unnamed - std::min(gap.keys.size(), kShownMax);
  if (more > 0) out += " and " + std::to_string(more) + " more";
  return out;
}

std::string gap_text(const GapReport& report) {
  const Gap& gap = report.gap;
  const std::uint64_t count = gap.offsets.end - gap.offsets.first;
  std::string out = gap.recorded_at ? "  lost before: " : "  lost: ";
  out += "offsets " + range_text(gap.offsets) + ", at most " + count_text(count, "record") +
         around_text(gap);
  if (!gap.was_durable) out += "; not all of them are known to have been acknowledged";
  out += "\n";
  if (!report.keys.empty()) out += "    keys that had records there: " + keys_text(report) + "\n";
  for (std::size_t i = 0; i < std::min(report.producers.size(), kShownMax); ++i) {
    const auto& [id, run] = report.producers[i];
    out += "    producer " + id_text(id.high, id.low) + ": its numbers " +
           std::to_string(run.first_number.value()) + " to " +
           std::to_string(run.first_number.value() + run.count - 1) + "\n";
  }
  if (report.producers.size() > kShownMax) {
    out += "    and " + std::to_string(report.producers.size() - kShownMax) +
           " more runs of producers' numbers\n";
  }
  return out;
}

// Between which hashes a key has to lie to be one of them, as a part of all there are.
double share_of(const LostRecords& lost) {
  return static_cast<double>(lost.last.high - lost.first.high) /
         static_cast<double>(kEntityHashMax.high);
}

std::string share_text(double share) {
  constexpr double kHalfAPercent = 0.005;
  if (share > 1 - kHalfAPercent) return "any key's";
  if (share < kHalfAPercent) return "those of less than 1 % of all keys";
  return "those of about " + std::to_string(std::lround(share * 100)) + " % of all keys";
}

std::string forgotten_text(const ForgottenKeys& forgotten) {
  const OffsetRange& offsets = forgotten.records.offsets;
  return std::string(forgotten.is_known ? "  forgotten before: " : "  forgotten: ") +
         "whose the removed records of offsets " + range_text(offsets) + " were, " +
         share_text(share_of(forgotten.records)) +
         "; a key that has no record any more may go on with an increment up to " +
         std::to_string(offsets.end - offsets.first) + " too high\n";
}

std::string partition_text(const TopicReport& topic, std::size_t number) {
  const PartitionPlan& plan = topic.plan.partitions[number];
  const PartitionOutcome& outcome = topic.partitions[number];
  const bool is_empty = outcome.records == 0 && outcome.gaps.empty() && outcome.forgotten.empty();
  if (is_empty && plan.notes.empty()) return {};
  std::string out =
      name_of(topic, plan) + ": offsets " + range_text({plan.log_start, plan.log_end}) + ", " +
      count_text(outcome.records, "record") + ", " + bytes_text(outcome.payload_bytes);
  if (outcome.oldest && outcome.newest)
    out += ", " + time_text(*outcome.oldest) + " to " + time_text(*outcome.newest);
  out += "\n";
  for (const GapReport& gap : outcome.gaps) out += gap_text(gap);
  for (const ForgottenKeys& forgotten : outcome.forgotten) out += forgotten_text(forgotten);
  for (const std::string& note : plan.notes) out += "  " + note + "\n";
  if (plan.superseded > 0) {
    out += "  " + count_text(plan.superseded, "block") +
           " of segments that were written anew since, left out\n";
  }
  return out;
}

std::string topic_text(const TopicReport& topic) {
  std::string out;
  const std::string& name = topic.plan.topic.name;
  if (!topic.plan.has_name)
    out += name + ": what the topic was called is not known; the name is made up\n";
  if (!topic.plan.has_config) {
    out += name + ": its configuration is lost; it has the default one and " +
           count_text(topic.plan.topic.config.partitions, "partition") +
           ", the highest that was found. If it had more, keys now go to other partitions\n";
  }
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) out += partition_text(topic, i);
  for (const PartitionId partition : topic.plan.vanished) {
    out += name + "/" + std::to_string(partition.value()) +
           ": nothing of it was found; it begins anew at offset 0\n";
  }
  return out;
}

std::string doubt_text(const KeptBlock& kept) {
  const BlockHeader& block = kept.doubt.block->header;
  std::string out = "  " + kept.source.string() + ", byte " +
                    std::to_string(kept.doubt.block->position.value()) + ": topic " +
                    std::to_string(block.identity.topic.value()) + ", partition " +
                    std::to_string(block.identity.partition.value()) + ", offsets " +
                    range_text({block.base_offset, block.end_offset()}) + ": " + kept.doubt.why;
  if (!kept.kept_in.empty()) out += "; kept in " + kept.kept_in.filename().string();
  return out + "\n";
}

std::string doubts_text(const SalvageReport& report) {
  if (report.doubts.empty()) return {};
  std::string out =
      "in doubt, left out of the log: " + count_text(report.doubts.size(), "block") + "\n";
  for (std::size_t i = 0; i < std::min(report.doubts.size(), kShownMax); ++i)
    out += doubt_text(report.doubts[i]);
  if (report.doubts.size() > kShownMax)
    out += "  and " + std::to_string(report.doubts.size() - kShownMax) + " more\n";
  return out;
}

std::string damaged_text(const SalvageReport& report) {
  std::string out;
  for (const SalvageReport::DamagedFile& file : report.damaged_files) {
    out += file.path.string() + ": ";
    if (file.bytes > 0) {
      out += bytes_text(file.bytes) + " check as nothing, from byte " +
             std::to_string(file.from.value()) + " to " + std::to_string(file.end.value());
    }
    if (file.unreadable_bytes > 0) {
      out += std::string(file.bytes > 0 ? "; " : "") + bytes_text(file.unreadable_bytes) +
             " cannot be read from the disk";
    }
    out += "\n";
  }
  return out;
}

struct Sums {
  std::uint64_t partitions = 0;
  std::uint64_t records = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t gaps = 0;
  std::uint64_t offsets_lost = 0;
};
Sums sums_of(const SalvageReport& report) {
  Sums sums;
  for (const TopicReport& topic : report.topics) {
    for (const PartitionOutcome& partition : topic.partitions) {
      ++sums.partitions;
      sums.records += partition.records;
      sums.payload_bytes += partition.payload_bytes;
      for (const GapReport& gap : partition.gaps) {
        if (gap.gap.recorded_at) continue;
        ++sums.gaps;
        sums.offsets_lost += gap.gap.offsets.end - gap.gap.offsets.first;
      }
    }
  }
  return sums;
}

std::string sum_text(const SalvageReport& report) {
  const Sums sums = sums_of(report);
  const std::string written =
      report.to ? "written to " + report.to->string() : "nothing was written (--dry-run)";
  std::string out = count_text(sums.records, "record") + " in " +
                    count_text(sums.partitions, "partition") + ", " +
                    bytes_text(sums.payload_bytes) + "; " + written + "\n";
  if (sums.gaps > 0) {
    out += "lost: at most " + count_text(sums.offsets_lost, "record") + " in " +
           count_text(sums.gaps, "gap") + "\n";
  }
  return out + (report.is_complete() ? "nothing was lost\n" : "not everything was brought back\n");
}

Json gap_json(const GapReport& report) {
  const Gap& gap = report.gap;
  Json json{{"offsets", range_json(gap.offsets)}, {"acknowledged", gap.was_durable}};
  if (gap.after) json["after"] = time_text(*gap.after);
  if (gap.before) json["before"] = time_text(*gap.before);
  if (gap.recorded_at) json["recorded"] = time_text(*gap.recorded_at);
  Json keys = Json::array();
  for (const auto& [key, missing] : report.keys) {
    Json one;
    put_bytes(one, "key", as_bytes(key));
    if (missing.first < missing.end)
      one["increments"] = {{"first", missing.first.value()}, {"end", missing.end.value()}};
    keys.push_back(std::move(one));
  }
  json["keys"] = std::move(keys);
  json["keys_unnamed"] = report.keys_unnamed;
  Json producers = Json::array();
  for (const auto& [id, run] : report.producers) {
    producers.push_back({{"producer", id_text(id.high, id.low)},
                         {"first_number", run.first_number.value()},
                         {"first_offset", run.first_offset.value()},
                         {"count", run.count}});
  }
  json["producers"] = std::move(producers);
  return json;
}

Json partition_json(const TopicReport& topic, std::size_t number) {
  const PartitionPlan& plan = topic.plan.partitions[number];
  const PartitionOutcome& outcome = topic.partitions[number];
  const PartitionId id = plan.identity.partition;
  Json json{{"topic", topic.plan.topic.name},
            {"partition", id.value()},
            {"offsets", range_json({plan.log_start, plan.log_end})},
            {"records", outcome.records},
            {"payload_bytes", outcome.payload_bytes}};
  if (outcome.oldest && outcome.newest) {
    json["oldest"] = time_text(*outcome.oldest);
    json["newest"] = time_text(*outcome.newest);
  }
  json["vanished"] = std::ranges::find(topic.plan.vanished, id) != topic.plan.vanished.end();
  json["superseded_blocks"] = plan.superseded;
  json["notes"] = plan.notes;
  Json gaps = Json::array();
  for (const GapReport& gap : outcome.gaps) gaps.push_back(gap_json(gap));
  json["gaps"] = std::move(gaps);
  Json forgotten = Json::array();
  for (const ForgottenKeys& one : outcome.forgotten) {
    forgotten.push_back({{"offsets", range_json(one.records.offsets)},
                         {"share_of_keys", share_of(one.records)},
                         {"known", one.is_known}});
  }
  json["keys_forgotten"] = std::move(forgotten);
  return json;
}

Json doubt_json(const KeptBlock& kept) {
  const BlockHeader& block = kept.doubt.block->header;
  Json json{{"file", kept.source.string()},
            {"position", kept.doubt.block->position.value()},
            {"bytes", block.block_bytes},
            {"store", id_text(block.identity.store.high, block.identity.store.low)},
            {"topic_id", block.identity.topic.value()},
            {"partition", block.identity.partition.value()},
            {"offsets", range_json({block.base_offset, block.end_offset()})},
            {"records", block.record_count},
            {"what", kept.doubt.why}};
  if (!kept.kept_in.empty()) {
    json["kept_in"] = kept.kept_in.string();
    json["kept_at"] = kept.kept_at.value();
  }
  return json;
}

}  // namespace

std::string salvage_text(const SalvageReport& report) {
  std::string out = "salvage of " + report.root.string() + ", " + time_text(report.at) + "\n";
  if (!report.has_catalog) out += "there is no catalog that can be read\n";
  for (const TopicReport& topic : report.topics) out += topic_text(topic);
  out += doubts_text(report) + damaged_text(report);
  return out + sum_text(report);
}

Json salvage_json(const SalvageReport& report) {
  const Sums sums = sums_of(report);
  Json json{{"schema", "bimip.log.salvage/1"}, {"path", report.root.string()}};
  if (report.to) json["to"] = report.to->string();
  json["dry_run"] = !report.to;
  json["time"] = time_text(report.at);
  json["store"] = id_text(report.store.high, report.store.low);
  json["complete"] = report.is_complete();
  json["has_catalog"] = report.has_catalog;
  json["records"] = sums.records;
  json["payload_bytes"] = sums.payload_bytes;
  json["gaps"] = sums.gaps;
  json["offsets_lost"] = sums.offsets_lost;
  json["files_read"] = report.files;
  json["bytes_read"] = report.bytes_read;
  Json topics = Json::array();
  Json partitions = Json::array();
  for (const TopicReport& topic : report.topics) {
    topics.push_back({{"topic", topic.plan.topic.name},
                      {"topic_id", topic.plan.topic.id.value()},
                      {"partitions", topic.plan.topic.config.partitions},
                      {"has_name", topic.plan.has_name},
                      {"has_config", topic.plan.has_config}});
    for (std::size_t i = 0; i < topic.partitions.size(); ++i)
      partitions.push_back(partition_json(topic, i));
  }
  json["topics"] = std::move(topics);
  json["partitions"] = std::move(partitions);
  Json doubts = Json::array();
  for (const KeptBlock& kept : report.doubts) doubts.push_back(doubt_json(kept));
  json["doubts"] = std::move(doubts);
  Json files = Json::array();
  for (const SalvageReport::DamagedFile& file : report.damaged_files) {
    files.push_back({{"file", file.path.string()},
                     {"unknown_bytes", file.bytes},
                     {"from", file.from.value()},
                     {"end", file.end.value()},
                     {"unreadable_bytes", file.unreadable_bytes}});
  }
  json["damaged_files"] = std::move(files);
  return json;
}

}  // namespace bimip::log_tools
