// Checks everything a store, or a part of one, holds: every checksum, the chain of blocks, and
// every file against the others. Guide: docs/guides/offline.md.
#pragma once

#include <functional>

#include "tools/log/segment_check.h"

namespace bimip::log_tools {

struct VerifyProgress {
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_total = 0;
};

struct VerifyOptions {
  Depth depth = Depth::kBlocks;
  unsigned jobs = 1;  // segments read at once
  // Called a few times a second, on the caller's thread.
  std::function<void(const VerifyProgress&)> on_progress{};
};

struct VerifyReport {
  std::vector<Finding> findings{};
  std::uint64_t partitions = 0;
  std::uint64_t segments = 0;
  std::uint64_t blocks = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes_read = 0;

  [[nodiscard]] bool is_clean() const;  // no damage; a torn tail is none
};

// Reads only. kIo: a file could not be read for another reason than damage.
[[nodiscard]] Result<VerifyReport> verify(const Inventory& inventory, const VerifyOptions& options);

}  // namespace bimip::log_tools
