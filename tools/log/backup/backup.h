// A consistent copy of a store, stopped or live; what earlier copies have is not copied again.
// Page: docs/design/backup.md; guide: docs/guides/offline.md.
#pragma once

#include <functional>

#include "tools/log/backup/partition_backup.h"

namespace bimip::log_tools {

struct BackupRequest {
  Path store{};
  Path to{};
  Holding holding = Holding::kHeld;
  Effect effect = Effect::kWrite;
  unsigned jobs = 1;
  Timestamp now{};
  std::function<void(std::uint64_t bytes_done, std::uint64_t bytes_total)> on_progress{};
};
struct BackupReport {
  std::string point{};  // its name
  std::vector<BackupPartition> partitions{};
  std::vector<Finding> findings{};
  std::uint64_t files_kept = 0;
  std::uint64_t files_copied = 0;
  std::uint64_t bytes_copied = 0;
};
// The list is written last: a backup that was cut short is none, and takes nothing from those
// before it. kForeign: `store` is no store, or `to` holds the backups of another one, or something
// else; kLocked; see back_up_partition for the others.
[[nodiscard]] Result<BackupReport> back_up(const BackupRequest& request);

}  // namespace bimip::log_tools
