#include "tools/log/backup/backup_folder.h"

#include "tools/log/partition_inventory.h"

namespace bimip::log_tools {

Result<std::map<std::string, BackupPoint>> read_points(const Path& backup) {
  constexpr std::string_view kSuffix = ".json";
  if (const Result<Path> found = find_given(backup); !found) return std::unexpected(found.error());
  const Path folder = backup / kBackupPoints;
  const Result<std::vector<std::string>> names = list_folder(folder);
  if (!names && names.error().code == ErrorCode::kNotFound)
    return fail(ErrorCode::kNotFound, backup.string() + ": is not a backup");
  if (!names) return std::unexpected(names.error());
  std::map<std::string, BackupPoint> points;
  for (const std::string& name : *names) {
    if (!name.ends_with(kSuffix)) continue;
    const Result<std::vector<std::byte>> bytes = read_whole(folder / name, kTableBytesMax);
    if (!bytes) return std::unexpected(bytes.error());
    Result<BackupPoint> point = decode_point(as_text(*bytes));
    if (!point) return fail_at((folder / name).string(), std::move(point.error()));
    points.emplace(name.substr(0, name.size() - kSuffix.size()), std::move(*point));
  }
  return points;
}

}  // namespace bimip::log_tools
