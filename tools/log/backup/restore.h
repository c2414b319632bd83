// A store out of a backup. Page: docs/design/backup.md; guide: docs/guides/offline.md.
#pragma once

#include <functional>
#include <optional>

#include "tools/log/backup/backup_point.h"
#include "tools/log/console.h"
#include "tools/log/output_folder.h"

namespace bimip::log_tools {

struct RestoreRequest {
  Path backup{};
  std::optional<Path> to{};
  std::string point{};               // its name; empty: the newest, or what `until` asks for
  std::optional<Timestamp> until{};  // no record from then on
  // A dry run checks every checksum, and whether it would fit; it needs no `to`.
  Effect effect = Effect::kWrite;
  unsigned jobs = 1;
  std::function<void(std::uint64_t bytes_done, std::uint64_t bytes_total)> on_progress{};
};
struct RestoreReport {
  std::string point{};
  Timestamp begun_at{};
  std::vector<BackupPartition> partitions{};  // as in the backup
  std::vector<OffsetRange> restored{};        // log start to log end of each, after the cut
  std::uint64_t bytes = 0;
  OutputFolder output{};  // what was written, which goes with this unless it is kept
};
// Each file is compared with its checksum while it is copied; the catalog is written last. An
// error leaves nothing of what was written. kDamaged: a file of the backup is not what was written;
// kNotFound: no such backup or point; kInvalidArgument: `to` is not empty; kNoSpace, kIo.
[[nodiscard]] Result<RestoreReport> restore(const RestoreRequest& request);

}  // namespace bimip::log_tools
