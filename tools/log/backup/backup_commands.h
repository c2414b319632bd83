// What `bimip log backup|restore` do with their arguments.
#pragma once

#include "tools/log/backup/backup.h"
#include "tools/log/console.h"

namespace bimip::log_tools {

struct BackupArguments {
  Path path{};
  Path to{};
  Holding holding = Holding::kHeld;
  Format format = Format::kText;
  Effect effect = Effect::kWrite;
  unsigned jobs = 1;
};
[[nodiscard]] Exit run_backup(const BackupArguments& arguments, const Console& console);

enum class Listing : std::uint8_t { kNo, kYes };

struct RestoreArguments {
  Path path{};  // the backup's folder
  std::optional<Path> to{};
  std::string point{};
  std::optional<Timestamp> until{};
  Listing list = Listing::kNo;  // only says which points there are
  Format format = Format::kText;
  Effect effect = Effect::kWrite;
  unsigned jobs = 1;
};
[[nodiscard]] Exit run_restore(const RestoreArguments& arguments, const Console& console);

}  // namespace bimip::log_tools
