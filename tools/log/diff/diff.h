// Whether two stores, topics or partitions hold the same records. Guide: docs/guides/offline.md.
#pragma once

#include <functional>

#include "tools/log/inventory.h"

namespace bimip::log_tools {

enum class Side : std::uint8_t { kFirst, kSecond };

struct PartitionDifference {
  std::string topic{};
  PartitionId partition{};
  std::optional<Side> only_in{};  // the other has no such partition; nothing else is then set
  OffsetRange first_offsets{};    // log start to log end of each
  OffsetRange second_offsets{};
  std::uint64_t segments_equal = 0;  // by their hashes, unread
  std::uint64_t records_compared = 0;
  std::uint64_t only_in_first = 0;
  std::uint64_t only_in_second = 0;
  std::uint64_t changed = 0;
  std::optional<Offset> first_difference{};
  std::string what{};  // about that offset

  [[nodiscard]] bool is_equal() const;
};

struct DiffReport {
  std::vector<PartitionDifference> partitions{};
  std::vector<std::string> topics{};  // how topics differ, in words
  std::vector<Finding> findings{};    // damage that was met
  std::uint64_t bytes_read = 0;

  [[nodiscard]] bool is_equal() const;
};

struct DiffRequest {
  const Inventory& first;
  const Inventory& second;
  unsigned jobs = 1;
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress{};  // partitions
};
// What is not there because of damage is a difference. Segments whose footers state the same hash
// of the same chain are equal without being read: whether they are what they state is verify's to
// say. kInvalidArgument when one is a store and the other a partition; kIo.
[[nodiscard]] Result<DiffReport> diff(const DiffRequest& request);

}  // namespace bimip::log_tools
