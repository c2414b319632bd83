// Takes one partition into a backup.
#pragma once

#include <atomic>
#include <map>

#include "engine/device/device.h"
#include "tools/log/backup/backup_point.h"
#include "tools/log/console.h"
#include "tools/log/inventory.h"

namespace bimip::log_tools {

struct PartitionBackupTask {
  Device& device;
  Path partition{};  // its folder
  SegmentIdentity identity{};
  std::string topic{};
  Path backup{};  // the backup's folder
  Effect effect = Effect::kWrite;
  // Files that earlier backups took, by their object: they need not be read again.
  const std::map<std::string, BackupFile>& known;
  std::atomic<std::uint64_t>& bytes_done;
};
struct PartitionBackup {
  BackupPartition taken{};
  std::vector<Finding> findings{};  // damage: taken as it is
  std::uint64_t files_kept = 0;     // were in the backup before
  std::uint64_t files_copied = 0;
  std::uint64_t bytes_copied = 0;
};
// A server may be writing it: what is taken is a prefix of its log, as of some moment during the
// call. kNotFound: no manifest, or a segment that it lists; kDamaged: a manifest that cannot be
// read; kNoSpace, kIo.
[[nodiscard]] Result<PartitionBackup> back_up_partition(const PartitionBackupTask& task);

}  // namespace bimip::log_tools
