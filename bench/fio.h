// What fio reaches on the same disk: durable sequential writes into space that was written before.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

namespace bimip::bench {

struct FioJob {
  std::size_t block_bytes = 4096;
  int depth = 1;
  int seconds = 2;
};

struct FioResult {
  double writes_per_second = 0;
  double megabytes_per_second = 0;
  double mean_us = 0;  // of one write, from submission to completion
  double p99_us = 0;
};

// Nothing when fio is not installed or fails.
std::optional<FioResult> run_fio(const std::filesystem::path& directory, const FioJob& job);

}  // namespace bimip::bench
