// Measures the ways to make bytes durable side by side on the disk that holds a folder.
// Usage: device_probe DIR [--json] [--only TEXT]
// Each figure is the median of a few short runs that alternate with its baseline's.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/report.h"
#include "engine/device/buffer_pool.h"
#include "engine/device/posix_device.h"
#include "engine/device/posix_write_queue.h"
#include "engine/device/uring_write_queue.h"

namespace bimip::bench {
namespace {

using namespace bimip::engine;
using Steady = std::chrono::steady_clock;

constexpr auto kRunTime = std::chrono::milliseconds(120);
constexpr int kRuns = 3;
constexpr std::uint64_t kZeroedBytes = 256ULL << 20;      // written before: gone over in a circle
constexpr std::uint64_t kUnwrittenBytes = 1024ULL << 20;  // reserved, never written
constexpr std::array<std::size_t, 3> kSizes{4096, 65536, 1048576};

enum class Space : std::uint8_t { kGrowing, kUnwritten, kZeroed };
enum class Means : std::uint8_t { kDirectDsync, kWriteThenSync };
enum class Queue : std::uint8_t { kUring, kPortable };

struct Way {
  std::size_t bytes = 4096;
  std::size_t in_flight = 1;
  Space space = Space::kZeroed;
  Means means = Means::kDirectDsync;
  Queue queue = Queue::kUring;
  UringOptions options{};
};

[[noreturn]] void give_up(const Error& error) {
  std::fprintf(stderr, "device_probe: %s\n", error.message.c_str());
  std::exit(2);
}

template <typename T>
T must(Result<T> result) {
  if (!result) give_up(result.error());
  return std::move(*result);
}
void must(const Status& status) {
  if (!status) give_up(status.error());
}

class Probe {
 public:
  explicit Probe(std::filesystem::path folder)
      : folder_(std::move(folder)), files_(make_posix_device()) {
    tidy();
    zeroed_ = must(files_->open(folder_ / "zeroed", OpenMode::kCreate));
    const std::vector<std::byte> zeros(1 << 20);
    for (std::uint64_t at = 0; at < kZeroedBytes; at += zeros.size())
      must(zeroed_->write_at(FilePosition(at), zeros));
    must(zeroed_->sync());
  }
  ~Probe() { tidy(); }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // Commits a second, once.
  double run(const Way& way) {
    if (way.space == Space::kZeroed) return run_on(way, zeroed_, kZeroedBytes);
    const std::filesystem::path path = folder_ / "fresh";
    auto file = must(files_->open(path, OpenMode::kCreate));
    if (way.space == Space::kUnwritten) must(file->allocate(FilePosition(0), kUnwrittenBytes));
    must(file->sync());
    const double rate = run_on(way, file, kUnwrittenBytes);
    file.reset();
    must(files_->remove(path));
    return rate;
  }

 private:
  void tidy() const {
    std::error_code ignored;
    for (const char* name : {"zeroed", "fresh"}) std::filesystem::remove(folder_ / name, ignored);
  }

  double run_on(const Way& way, const std::shared_ptr<File>& file, std::uint64_t space) {
    return way.means == Means::kWriteThenSync ? write_then_sync(way, *file, space)
                                              : queued(way, file, space);
  }

  static double write_then_sync(const Way& way, File& file, std::uint64_t space) {
    const std::vector<std::byte> bytes(way.bytes, std::byte{'w'});
    const auto start = Steady::now();
    std::uint64_t commits = 0;
    for (std::uint64_t at = 0; Steady::now() - start < kRunTime; at = (at + way.bytes) % space) {
      must(file.write_at(FilePosition(at), bytes));
      must(file.sync());
      ++commits;
    }
    return per_second(commits, start);
  }

  double queued(const Way& way, const std::shared_ptr<File>& file, std::uint64_t space) {
    BufferPool pool(64ULL << 20);
    auto queue = open_queue(way, pool);
    const FileSlot slot = must(queue->attach(file));
    std::vector<Buffer> buffers;
    std::vector<DeviceOperation> operations(way.in_flight);
    std::uint64_t next = 0;
    const auto submit = [&](DeviceOperation& operation) {
      operation.position = FilePosition(next);
      next = (next + way.bytes) % space;
      queue->submit(operation);
    };
    for (DeviceOperation& operation : operations) {
      Buffer& buffer = buffers.emplace_back(pool.take(way.bytes));
      std::ranges::fill(buffer.bytes(), std::byte{'q'});
      operation = {.file = slot, .bytes = buffer.bytes().first(way.bytes), .result = {}};
    }
    const auto start = Steady::now();
    for (DeviceOperation& operation : operations) submit(operation);
    std::uint64_t commits = 0;
    std::vector<DeviceOperation*> finished;
    for (std::size_t left = operations.size(); left > 0; finished.clear()) {
      queue->poll(std::chrono::seconds(10), finished);
      const bool go_on = Steady::now() - start < kRunTime;
      for (DeviceOperation* operation : finished) {
        must(operation->result);
        ++commits;
        if (go_on) {
          submit(*operation);
        } else {
          --left;
        }
      }
    }
    const double rate = per_second(commits, start);
    queue->detach(slot);
    return rate;
  }

  std::unique_ptr<WriteQueue> open_queue(const Way& way, BufferPool& pool) {
    if (way.queue == Queue::kPortable) return std::make_unique<PosixWriteQueue>(counters_);
    return must(UringWriteQueue::open(way.options, pool, counters_));
  }

  static double per_second(std::uint64_t commits, Steady::time_point start) {
    return static_cast<double>(commits) /
           std::chrono::duration<double>(Steady::now() - start).count();
  }

  const std::filesystem::path folder_;
  const std::unique_ptr<Device> files_;
  DeviceCounters counters_;
  std::shared_ptr<File> zeroed_;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

std::string name_of_size(std::size_t bytes) {
  return bytes >= 1 << 20 ? std::to_string(bytes >> 20U) + "MiB"
                          : std::to_string(bytes >> 10U) + "KiB";
}

class Comparison {
 public:
  Comparison(Probe& probe, const Report& report, std::string only)
      : probe_(probe), report_(report), only_(std::move(only)) {}

  void compare(const std::string& name, const Way& way, const Way& baseline) {
    if (name.find(only_) == std::string::npos) return;
    std::vector<double> rates;
    std::vector<double> baselines;
    for (int run = 0; run < kRuns; ++run) {
      baselines.push_back(probe_.run(baseline));
      rates.push_back(probe_.run(way));
    }
    report_.add(
        {.name = name, .value = median(rates), .unit = "commits/s", .baseline = median(baselines)});
  }

 private:
  Probe& probe_;
  const Report& report_;
  const std::string only_;
};

// What makes bytes durable, one at a time, beside what most programs do: append, fdatasync.
void compare_means(Comparison& to) {
  for (const std::size_t bytes : kSizes) {
    const std::string size = name_of_size(bytes);
    const Way append{.bytes = bytes, .space = Space::kGrowing, .means = Means::kWriteThenSync};
    to.compare("means." + size + ".zeroed_fdatasync",
               {.bytes = bytes, .means = Means::kWriteThenSync}, append);
    to.compare("means." + size + ".direct_dsync_unwritten",
               {.bytes = bytes, .space = Space::kUnwritten}, append);
    to.compare("means." + size + ".direct_dsync_zeroed", {.bytes = bytes}, append);
  }
}

// Several at once, beside one at a time.
void compare_depths(Comparison& to) {
  for (const std::size_t bytes : kSizes) {
    for (const Space space : {Space::kUnwritten, Space::kZeroed}) {
      for (const std::size_t depth : {std::size_t{4}, std::size_t{8}}) {
        to.compare("depth." + name_of_size(bytes) +
                       (space == Space::kZeroed ? ".zeroed." : ".unwritten.") +
                       std::to_string(depth),
                   {.bytes = bytes, .in_flight = depth, .space = space},
                   {.bytes = bytes, .in_flight = 1, .space = space});
      }
    }
  }
}

// Each choice of the ring undone, beside the ring as it is.
void compare_rings(Comparison& to) {
  using Options = UringOptions;
  for (const std::size_t bytes : {kSizes[0], kSizes[1]}) {
    const Way usual{.bytes = bytes, .in_flight = 4};
    const auto compare = [&](const std::string& name, Options options) {
      Way way = usual;
      way.options = options;
      to.compare("ring." + name_of_size(bytes) + "." + name, way, usual);
    };
    compare("plain_buffers", {.buffers = Options::Buffers::kPlain});
    compare("plain_files", {.files = Options::Files::kPlain});
    compare("cooperative", {.completions = Options::Completions::kCooperative});
    compare("interrupting", {.completions = Options::Completions::kInterrupting});
  }
}

// The portable device beside the io_uring one.
void compare_devices(Comparison& to) {
  for (const std::size_t bytes : kSizes) {
    for (const std::size_t depth : {std::size_t{1}, std::size_t{4}, std::size_t{8}}) {
      to.compare("portable." + name_of_size(bytes) + "." + std::to_string(depth),
                 {.bytes = bytes, .in_flight = depth, .queue = Queue::kPortable},
                 {.bytes = bytes, .in_flight = depth});
    }
  }
}

}  // namespace
}  // namespace bimip::bench

int main(int argc, char** argv) {
  using namespace bimip::bench;
  std::string folder;
  std::string only;
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json") {
      json = true;
    } else if (argument == "--only" && i + 1 < argc) {
      only = argv[++i];
    } else if (!argument.starts_with("-") && folder.empty()) {
      folder = argument;
    } else {
      folder.clear();
      break;
    }
  }
  if (folder.empty()) {
    std::fprintf(stderr, "usage: device_probe DIR [--json] [--only TEXT]\n");
    return 2;
  }
  const Report report(json);
  Probe probe(folder);
  Comparison comparison(probe, report, only);
  compare_means(comparison);
  compare_depths(comparison);
  compare_rings(comparison);
  compare_devices(comparison);
  return 0;
}
