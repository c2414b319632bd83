// A backup's folder: data/ holds files of the store, each once; points/ holds a list for each time.
#pragma once

#include <map>

#include "tools/log/backup/backup_point.h"

namespace bimip::log_tools {

inline constexpr std::string_view kBackupData = "data";
inline constexpr std::string_view kBackupPoints = "points";
inline constexpr std::string_view kBackupLock = "backup.lock";

// The lists in a backup's folder, the oldest first, by name. One that is damaged is an error, with
// its path: kDamaged, kUnsupportedVersion. kNotFound: the folder is no backup. kIo.
[[nodiscard]] Result<std::map<std::string, BackupPoint>> read_points(const Path& backup);

}  // namespace bimip::log_tools
