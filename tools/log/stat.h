// How large a store and its parts are, by what their manifests say and where their logs end.
#pragma once

#include "engine/base/clock.h"
#include "tools/log/freeable.h"

namespace bimip::log_tools {

struct SegmentStat {
  Epoch epoch{};
  std::optional<SegmentState> state{};  // none: the manifest does not list it
  OffsetRange offsets{};
  std::uint64_t records = 0;
  std::uint64_t payload_bytes = 0;  // records as stored
  std::uint64_t used_bytes = 0;     // header, blocks, footer
  std::uint64_t disk_bytes = 0;     // reserved space included
  Timestamp first_timestamp{};      // of its records; zero when it has none
  Timestamp last_timestamp{};
};

struct PartitionStat {
  std::string topic{};
  PartitionId partition{};
  OffsetRange offsets{};  // log start to log end
  std::vector<SegmentStat> segments{};
  SegmentStat total{};  // of its segments; on disk with its other files
  Freeable freeable{};
};

struct StatReport {
  std::vector<PartitionStat> partitions{};  // largest on disk first
  SegmentStat total{};
  Freeable freeable{};
  std::uint64_t topics = 0;
  std::uint64_t segments = 0;
  std::uint64_t spare_disk_bytes = 0;  // beside the total
  std::vector<Finding> findings{};     // tables that could not be read
};

// Reads tables, directories of entities where keys' records are bounded, and of each active segment
// what came after its checkpoint. `now` decides what is old. kIo.
[[nodiscard]] Result<StatReport> take_stat(const Inventory& inventory,
                                           Timestamp now = system_clock().now());

}  // namespace bimip::log_tools
