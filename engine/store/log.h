// All that a front end knows of the log. The local store implements it; a distributed log can stand
// behind it later.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/format/topic_config.h"
#include "engine/partition/entity_requests.h"
#include "engine/partition/requests.h"

namespace bimip::engine {

struct TopicInfo {
  TopicId id;
  std::string name;
  Timestamp created_at{};
  TopicConfig config;
};

// Thread-safe. Outlives every request given to it.
class Log {
 public:
  virtual ~Log() = default;

  // Durable when it returns; blocks on the disk. Creating a topic again with the same configuration
  // succeeds. kAlreadyExists when it is there with another one, kInvalidArgument, kNoSpace, kIo.
  [[nodiscard]] virtual Result<TopicInfo> create_topic(std::string_view name,
                                                       const TopicConfig& config) = 0;
  // Durable when it returns; blocks on the disk. In force soon after. kNotFound, kInvalidArgument,
  // kNoSpace, kIo.
  [[nodiscard]] virtual Result<TopicInfo> alter_topic(std::string_view name,
                                                      const TopicChange& change) = 0;
  [[nodiscard]] virtual Result<TopicInfo> find_topic(std::string_view name) const = 0;
  [[nodiscard]] virtual std::vector<TopicInfo> list_topics() const = 0;  // by name

  virtual void append(AppendRequest& request) = 0;
  virtual void read(ReadRequest& request) = 0;
  virtual void find_time(TimeRequest& request) = 0;
  [[nodiscard]] virtual Result<LogBounds> bounds(TopicId topic, PartitionId partition) const = 0;

  virtual void find_entity(EntityRequest& request) = 0;
  virtual void read_entity(EntityReadRequest& request) = 0;
  virtual void list_entities(EntityListRequest& request) = 0;
  virtual void erase_entity(EraseRequest& request) = 0;
  // Of a topic whose retention waits for cursors: no record of the partition at or above this may
  // go, until the next call. Of such a topic nothing goes before the first call.
  virtual void set_retention_floor(TopicId topic, PartitionId partition, Offset floor) = 0;

  // Reads what was visible go on meanwhile; who watches the partition need not watch it again.
  virtual void reopen(ReopenRequest& request) = 0;
  // The partitions that take no appends, and why.
  [[nodiscard]] virtual std::vector<PartitionTrouble> troubles() const = 0;

  // From now on, until unwatch() returns, `watcher` is told of every advance.
  [[nodiscard]] virtual Status watch(TopicId topic, PartitionId partition, Watcher& watcher) = 0;
  virtual void unwatch(TopicId topic, PartitionId partition, Watcher& watcher) = 0;
};

// Where records of a key go: XXH3-64 of the key modulo the partitions. Never changes for a given
// count.
[[nodiscard]] PartitionId partition_of_key(Bytes key, std::uint32_t partitions);

}  // namespace bimip::engine
