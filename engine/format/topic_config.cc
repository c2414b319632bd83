#include "engine/format/topic_config.h"

#include <algorithm>

namespace bimip::engine {

Status validate(const TopicConfig& config) {
  const auto out_of_bounds = [](std::string_view field, auto value, auto min, auto max) -> Status {
    if (value >= min && value <= max) return {};
    return fail(ErrorCode::kInvalidArgument, std::string(field) + " is " + std::to_string(value) +
                                                 "; it may be from " + std::to_string(min) +
                                                 " to " + std::to_string(max));
  };
  if (Status good =
          out_of_bounds("partitions", config.partitions, 1U, limits::kPartitionsPerTopicMax);
      !good)
    return good;
  if (Status good = out_of_bounds("segment_bytes", config.segment_bytes, limits::kSegmentBytesMin,
                                  limits::kSegmentBytesMax);
      !good) {
    return good;
  }
  if (Status good = out_of_bounds("segment_age_s", std::int64_t{config.segment_age.count()},
                                  std::int64_t{1}, limits::kSegmentAgeMaxSeconds);
      !good) {
    return good;
  }
  if (Status good = out_of_bounds("retention_age_s", std::int64_t{config.retention_age.count()},
                                  std::int64_t{0}, limits::kRetentionAgeMaxSeconds);
      !good) {
    return good;
  }
  if (Status good = out_of_bounds("entity_age_s", std::int64_t{config.entity_age.count()},
                                  std::int64_t{0}, limits::kRetentionAgeMaxSeconds);
      !good) {
    return good;
  }
  if (config.compaction == Compaction::kNewest &&
      (config.entity_records_max != 0 || config.entity_age != config.entity_age.zero())) {
    return fail(ErrorCode::kInvalidArgument,
                "a compacted topic keeps the newest record of a key alone: entity_records_max and "
                "entity_age_s are for others");
  }
  if (config.retention_floor != RetentionFloor::kNone &&
      config.retention_floor != RetentionFloor::kCursors) {
    return fail(ErrorCode::kInvalidArgument, "the retention floor is neither none nor cursors");
  }
  if (Status good = out_of_bounds("tombstone_grace_s", std::int64_t{config.tombstone_grace.count()},
                                  std::int64_t{0}, limits::kRetentionAgeMaxSeconds);
      !good) {
    return good;
  }
  if (Status good = out_of_bounds("hold_max_s", std::int64_t{config.hold_max.count()},
                                  std::int64_t{1}, limits::kHoldMaxSecondsMax);
      !good) {
    return good;
  }
  if (config.compaction != Compaction::kNone && config.compaction != Compaction::kNewest) {
    return fail(ErrorCode::kInvalidArgument, "compaction is neither none nor newest");
  }
  if (config.durability != Durability::kDurable && config.durability != Durability::kWritten) {
    return fail(ErrorCode::kInvalidArgument, "durability is neither durable nor written");
  }
  return {};
}

std::chrono::seconds roll_age(const TopicConfig& config) {
  std::chrono::seconds age = config.segment_age;
  for (const std::chrono::seconds bound : {config.retention_age, config.entity_age}) {
    if (bound != bound.zero()) age = std::min(age, bound);
  }
  return age;
}

std::size_t held_records_max(const TopicConfig& config) {
  return std::min(
      limits::kHeldRecordsMax,
      static_cast<std::size_t>(config.segment_bytes / limits::kSegmentBytesPerHeldRecord));
}

TopicConfig changed(const TopicConfig& config, const TopicChange& change) {
  TopicConfig result = config;
  result.segment_age = change.segment_age.value_or(config.segment_age);
  result.retention_age = change.retention_age.value_or(config.retention_age);
  result.retention_bytes = change.retention_bytes.value_or(config.retention_bytes);
  result.retention_floor = change.retention_floor.value_or(config.retention_floor);
  result.entity_records_max = change.entity_records_max.value_or(config.entity_records_max);
  result.entity_age = change.entity_age.value_or(config.entity_age);
  result.tombstone_grace = change.tombstone_grace.value_or(config.tombstone_grace);
  result.hold_max = change.hold_max.value_or(config.hold_max);
  return result;
}

Status validate_topic_name(std::string_view name) {
  // "$" in front marks a topic of a program's own, kept from its clients.
  const std::string_view rest = name.starts_with('$') ? name.substr(1) : name;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (rest.empty() || name.size() > limits::kTopicNameBytesMax || rest.front() == '.' ||
      !std::ranges::all_of(rest, allowed)) {
    return fail(ErrorCode::kInvalidArgument, "a topic's name has 1 to " +
                                                 std::to_string(limits::kTopicNameBytesMax) +
                                                 " letters, digits, '.', '_' or '-', does not "
                                                 "begin with '.', and may have a '$' in front");
  }
  return {};
}

}  // namespace bimip::engine
