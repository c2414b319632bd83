#include "bench/fio.h"

#include <array>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace bimip::bench {
namespace {

// What fio said of its first job.
std::optional<nlohmann::json> first_job(const std::string& command) {
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
  return parsed["jobs"][0];
}

}  // namespace

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
  const std::optional<nlohmann::json> done = first_job(command);
  if (!done) return std::nullopt;
  const nlohmann::json& write = (*done)["write"];
  return FioResult{.writes_per_second = write["iops"].get<double>(),
                   .megabytes_per_second = write["bw_bytes"].get<double>() / 1e6,
                   .mean_us = write["lat_ns"]["mean"].get<double>() / 1e3,
                   .p99_us = write["clat_ns"]["percentile"]["99.000000"].get<double>() / 1e3};
}

std::optional<double> sequential_read(const std::vector<std::filesystem::path>& files) {
  std::string names;
  std::uint64_t bytes = 0;
  for (const std::filesystem::path& file : files) {
    names += (names.empty() ? "" : ":") + file.string();
    bytes += std::filesystem::file_size(file);
  }
  const std::optional<nlohmann::json> done =
      first_job("fio --name=read --readonly --filename='" + names +
                "' --rw=read --file_service_type=sequential --direct=1 --ioengine=io_uring --bs=1M"
                " --iodepth=4 --io_size=" +
                std::to_string(bytes) + " --output-format=json 2>/dev/null");
  if (!done) return std::nullopt;
  return (*done)["read"]["bw_bytes"].get<double>() / 1e6;
}

}  // namespace bimip::bench
