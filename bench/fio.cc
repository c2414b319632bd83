#include "bench/fio.h"

#include <array>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace bimip::bench {

FioFile::~FioFile() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

std::optional<FioResult> FioFile::run(const FioJob& job) const {
  const std::string command = "fio --name=durable --filename='" + path_.string() +
                              "' --size=" + std::to_string(bytes_) +
                              " --rw=write --overwrite=1 --direct=1 --sync=dsync" +
                              " --ioengine=io_uring --bs=" + std::to_string(job.block_bytes) +
                              " --iodepth=" + std::to_string(job.depth) +
                              " --time_based --runtime=" + std::to_string(job.seconds) +
                              " --output-format=json 2>/dev/null";
  std::string output;
  {
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    if (!pipe) return std::nullopt;
    std::array<char, 4096> chunk{};
    while (const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), pipe.get()))
      output.append(chunk.data(), got);
  }
  const std::size_t start = output.find('{');
  if (start == std::string::npos) return std::nullopt;
  const nlohmann::json parsed = nlohmann::json::parse(output.substr(start), nullptr, false);
  if (parsed.is_discarded() || !parsed.contains("jobs")) return std::nullopt;
  const nlohmann::json& write = parsed["jobs"][0]["write"];
  return FioResult{.writes_per_second = write["iops"].get<double>(),
                   .megabytes_per_second = write["bw_bytes"].get<double>() / 1e6,
                   .mean_us = write["lat_ns"]["mean"].get<double>() / 1e3,
                   .p99_us = write["clat_ns"]["percentile"]["99.000000"].get<double>() / 1e3};
}

}  // namespace bimip::bench
