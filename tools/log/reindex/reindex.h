// Makes what is derived from a log again: indexes, and the table of producers when it is lost.
// Guide: docs/guides/offline.md.
#pragma once

#include <functional>

#include "tools/log/console.h"
#include "tools/log/inventory.h"

namespace bimip::log_tools {

enum class DerivedState : std::uint8_t {
  kRight,
  kMissing,
  kWrong,      // damaged, or not what the log gives
  kUnreadable  // the segment is not there or cannot be read: nothing can be made
};
std::string_view name_of(DerivedState state);  // "right", "missing", "wrong", "unreadable"

struct DerivedFile {
  Path path{};  // where it belongs
  std::string topic{};
  PartitionId partition{};
  DerivedState state = DerivedState::kRight;
  std::string why{};
  Path written{};              // where it was written; empty when it was not
  std::uint64_t bytes = 0;     // of what it should be, where that is written, or would be
  std::uint64_t replaced = 0;  // of the file whose place that takes
  bool is_whole = true;        // the log behind it has no damage
};

struct ReindexReport {
  std::vector<DerivedFile> files{};
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;  // in a dry run what it would be

  // Every file is right or was made again, of an undamaged log.
  [[nodiscard]] bool is_right() const;
};

enum class Target : std::uint8_t {
  kNowhere,  // says what is right, missing or wrong
  kFolder,   // all of them into a folder, as they lie in the store
  kInPlace,  // those that are missing or wrong, each by an atomic rename
};

struct ReindexRequest {
  const Inventory& inventory;
  Target target = Target::kNowhere;
  Path folder{};                   // of Target::kFolder; empty or not there yet
  Effect effect = Effect::kWrite;  // a dry run looks whether it would fit
  unsigned jobs = 1;
  std::function<void(std::uint64_t bytes_done, std::uint64_t bytes_total)> on_progress{};
};
// Never touches a segment, a manifest or the catalog. kNotFound: a partition has no manifest that
// can be read (salvage it); kNoSpace, kIo. Where little room is left everything is read twice: what
// does not fit is refused before anything is written.
[[nodiscard]] Result<ReindexReport> reindex(const ReindexRequest& request);

}  // namespace bimip::log_tools
