// Reads whatever still checks out of whatever is left of a store, and writes a clean store. Page:
// docs/design/salvage.md; guide: docs/guides/recover.md.
#pragma once

#include "tools/log/console.h"
#include "tools/log/finding.h"
#include "tools/log/output_folder.h"
#include "tools/log/salvage/partition_salvage.h"
#include "tools/log/salvage/store_plan.h"

namespace bimip::log_tools {

struct SalvageProgress {
  enum class Phase : std::uint8_t { kReading, kCopying, kVerifying };
  Phase phase = Phase::kReading;
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;
};

struct SalvageRequest {
  Path root{};
  std::optional<Path> to{};
  Effect effect = Effect::kWrite;  // a dry run looks whether it would fit, and needs no `to`
  unsigned jobs = 1;
  Timestamp now{};
  std::function<void(const SalvageProgress&)> on_progress{};
};

// A doubtful block and where it is kept.
struct KeptBlock {
  Doubt doubt{};
  Path source{};
  Path kept_in{};  // empty when nothing was written
  FilePosition kept_at{};
};

struct TopicReport {
  TopicPlan plan{};
  std::vector<PartitionOutcome> partitions{};  // as in the plan
};

struct SalvageReport {
  Evidence evidence{};  // what the plans below view
  Path root{};
  std::optional<Path> to{};
  Timestamp at{};
  StoreId store{};
  bool has_catalog = true;
  std::vector<TopicReport> topics{};
  std::vector<KeptBlock> doubts{};
  struct DamagedFile {
    Path path{};
    std::uint64_t bytes = 0;  // that check as nothing
    FilePosition from{};      // of the first such byte
    FilePosition end{};       // of the last
    std::uint64_t unreadable_bytes = 0;
  };
  std::vector<DamagedFile> damaged_files{};
  std::uint64_t files = 0;
  std::uint64_t bytes_read = 0;
  OutputFolder output{};  // what was written, which goes with this unless it is kept

  // Nothing is lost that was not known to be, and nothing is in doubt or made up.
  [[nodiscard]] bool is_complete() const;
};

// The input is only read. The output is a store once its catalog is there, which is written last;
// it is then verified, every record decoded. An error leaves nothing of it. kInvalidArgument (the
// target is not empty, or input and output lie in each other), kLocked, kNotFound (nothing of a
// store), kUnsupportedVersion, kNoSpace, kIo.
[[nodiscard]] Result<SalvageReport> salvage(const SalvageRequest& request);

}  // namespace bimip::log_tools
