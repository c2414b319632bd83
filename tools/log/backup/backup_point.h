// What one backup took: a list of files, each with its checksum. Page: docs/design/backup.md.
#pragma once

#include <string>
#include <vector>

#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

// A file of the store, and the file of the backup that holds its bytes.
struct BackupFile {
  std::string name{};    // in the store's folder it is of
  std::string object{};  // below the backup's folder
  std::uint64_t bytes = 0;
  Hash128 checksum{};
  friend bool operator==(const BackupFile&, const BackupFile&) = default;
};

struct BackupPartition {
  std::string topic{};
  PartitionId partition{};
  OffsetRange offsets{};            // log start to the end of what was taken
  std::vector<BackupFile> files{};  // the manifest among them
  friend bool operator==(const BackupPartition&, const BackupPartition&) = default;
};

struct BackupPoint {
  StoreId store{};
  Timestamp begun_at{};  // everything that was acknowledged before is in it
  BackupFile catalog{};
  std::vector<BackupPartition> partitions{};
  friend bool operator==(const BackupPoint&, const BackupPoint&) = default;
};

// "20261126T035400.123456Z": names sort as times do.
[[nodiscard]] std::string point_name(Timestamp time);
// JSON that ends with a checksum of itself.
[[nodiscard]] std::string encode_point(const BackupPoint& point);
// kDamaged, kUnsupportedVersion.
[[nodiscard]] Result<BackupPoint> decode_point(std::string_view text);

}  // namespace bimip::log_tools
