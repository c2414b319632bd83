// What a million records cost that wait for their time: appending them, holding them, opening a
// store with them, appending them again. Usage: delay_bench [--dir DIR] [--held N] [--json]
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "bench/flags.h"
#include "bench/report.h"
#include "engine/store/store.h"

namespace bimip::bench {
namespace {

using namespace bimip::engine;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kBatch = 500;
constexpr std::size_t kRequests = 16;
constexpr std::size_t kValueBytes = 100;

// The machine's time, and as much more as it is told.
class SteppedClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override {
    return system_clock().now() + std::chrono::seconds(step_.load());
  }
  [[nodiscard]] std::chrono::nanoseconds monotonic() const override {
    return system_clock().monotonic();
  }
  void step(std::chrono::seconds by) { step_ += by.count(); }

 private:
  std::atomic<std::int64_t> step_{0};
};

class Batch final : public AppendRequest {
 public:
  void send(Store& store, const std::vector<RecordFields>& fields) {
    done_.store(false);
    records = fields;
    store.append(*this);
  }
  void on_appended(Result<Appended> result) override {
    if (!result) {
      std::fprintf(stderr, "delay_bench: %s\n", result.error().message.c_str());
      std::_Exit(2);
    }
    done_.store(true, std::memory_order_release);
    done_.notify_one();
  }
  void wait() { done_.wait(false, std::memory_order_acquire); }

 private:
  std::atomic<bool> done_{true};
};

double seconds_since(Steady::time_point began) {
  return std::chrono::duration<double>(Steady::now() - began).count();
}

double processor_s() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

class Bench {
 public:
  Bench(Path directory, std::size_t held, const Report& report)
      : directory_(std::move(directory)), held_(held), report_(report) {
    std::filesystem::remove_all(directory_);
  }
  ~Bench() {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void run() {
    open();
    const Result<TopicInfo> plain = store_->create_topic("plain", {});
    const Result<TopicInfo> topic = store_->create_topic("held", {});
    if (!plain || !topic) std::exit(2);
    const double as_usual = append(plain->id, {});
    const double idle_before = idle_processor();
    const double memory_before = resident_bytes();
    const double rate = append(topic->id, clock_.now() + std::chrono::hours(1));
    report_.add({.name = "append.rate", .value = rate, .unit = "1/s", .baseline = as_usual});
    report_.add({.name = "pending.memory",
                 .value = (resident_bytes() - memory_before) / static_cast<double>(held_),
                 .unit = "B/record"});
    report_.add({.name = "pending.idle",
                 .value = idle_processor() * 1e3,
                 .unit = "ms/s",
                 .baseline = idle_before * 1e3});
    reopen();
    release(topic->id);
  }

 private:
  void open() {
    Result<std::unique_ptr<Store>> store =
        Store::open({.directory = directory_, .free_space_floor = 0, .clock = &clock_});
    if (!store) {
      std::fprintf(stderr, "delay_bench: %s\n", store.error().message.c_str());
      std::exit(2);
    }
    store_ = std::move(*store);
  }

  // Records a second.
  double append(TopicId topic, std::optional<Timestamp> not_before) {
    const std::vector<std::byte> value(kValueBytes);
    std::vector<RecordFields> fields(kBatch);
    for (RecordFields& one : fields) {
      one.value = value;
      one.not_before = not_before;
    }
    std::vector<Batch> batches(kRequests);
    for (Batch& batch : batches) batch.topic = topic;
    const Steady::time_point began = Steady::now();
    for (std::size_t i = 0; i < held_ / kBatch; ++i) {
      Batch& batch = batches[i % kRequests];
      batch.wait();
      // Earlier and later ones in turn, as they come in life.
      for (std::size_t j = 0; not_before && j < kBatch; ++j)
        fields[j].not_before =
            *not_before + std::chrono::milliseconds((i * kBatch + j) * 7919 % 600'000);
      kept_[i % kRequests] = fields;
      batch.send(*store_, kept_[i % kRequests]);
    }
    for (Batch& batch : batches) batch.wait();
    return static_cast<double>(held_ / kBatch * kBatch) / seconds_since(began);
  }

  static double idle_processor() {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    const double before = processor_s();
    std::this_thread::sleep_for(std::chrono::seconds(4));
    return (processor_s() - before) / 4;
  }

  void reopen() {
    store_.reset();
    const Steady::time_point began = Steady::now();
    open();
    report_.add({.name = "open.time", .value = seconds_since(began) * 1e3, .unit = "ms"});
    report_.add({.name = "open.read",
                 .value = static_cast<double>(store_->report().bytes_read()) / 1e6,
                 .unit = "MB"});
  }

  // All of them are due at once.
  void release(TopicId topic) {
    const auto end = [&] { return store_->bounds(topic, PartitionId(0))->visible_end.value(); };
    const std::uint64_t before = end();
    clock_.step(std::chrono::hours(2));
    const Steady::time_point began = Steady::now();
    while (end() < 2 * before) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    report_.add({.name = "release.rate",
                 .value = static_cast<double>(before) / seconds_since(began),
                 .unit = "1/s"});
  }

  const Path directory_;
  const std::size_t held_;
  const Report& report_;
  SteppedClock clock_;
  std::unique_ptr<Store> store_;
  std::vector<std::vector<RecordFields>> kept_{kRequests};
};

}  // namespace
}  // namespace bimip::bench

int main(int argc, char** argv) {
  std::filesystem::path directory;
  std::size_t held = 1'000'000;
  bool json = false;
  CLI::App flags("What records cost that wait for their time", "delay_bench");
  flags.add_option("--dir", directory, "A folder on the disk in question");
  flags.add_option("--held", held, "How many wait");
  flags.add_flag("--json", json, "A JSON object a figure");
  if (const auto ended = bimip::bench::parse(flags, argc, argv)) return *ended;
  const bimip::bench::Report report(json);
  bimip::bench::Bench(directory / "delay-bench", held, report).run();
  return 0;
}
