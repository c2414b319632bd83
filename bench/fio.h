// What fio reaches on the same disk: durable sequential writes into space that was written before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace bimip::bench {

struct FioJob {
  std::size_t block_bytes = 4096;
  int depth = 1;
  int seconds = 1;
};

struct FioResult {
  double writes_per_second = 0;
  double megabytes_per_second = 0;
  double mean_us = 0;  // of one write, from submission to completion
  double p99_us = 0;
};

// A file that fio writes from its begin to its end and over again; made at the first run, removed
// in the end.
class FioFile {
 public:
  FioFile(const std::filesystem::path& directory, std::uint64_t bytes)
      : path_(directory / "fio-bench-file"), bytes_(bytes) {}
  ~FioFile();
  FioFile(const FioFile&) = delete;
  FioFile& operator=(const FioFile&) = delete;

  // Nothing when fio is not installed or fails.
  [[nodiscard]] std::optional<FioResult> run(const FioJob& job) const;

 private:
  const std::filesystem::path path_;
  const std::uint64_t bytes_;
};

// Megabytes a second when these files are read once from begin to end, around the page cache, four
// reads of 1 MiB in flight. Nothing when fio is not installed or fails.
[[nodiscard]] std::optional<double> sequential_read(
    const std::vector<std::filesystem::path>& files);

}  // namespace bimip::bench
