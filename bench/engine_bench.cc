// Measures the engine's durable appends on a real disk beside fio's on the same disk in the same
// run. Usage: engine_bench [--dir DIR] [--seconds S] [--json] [--only TEXT]
//                     [--segment-bytes N]
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench/fio.h"
#include "bench/report.h"
#include "engine/store/store.h"

namespace bimip::bench {
namespace {

using namespace bimip::engine;
using Steady = std::chrono::steady_clock;

// More than a run of a few seconds writes.
constexpr std::uint64_t kSpareBytes = 8ULL << 30;

// Who appends again after an answer: the writer thread itself, inside the answer; or a thread of
// the producers' own, as a front end's shard does.
enum class Driver : std::uint8_t { kInAnswer, kOwnThread };

struct Load {
  std::string name;
  std::size_t producers = 64;
  std::size_t outstanding = 1;
  std::size_t value_bytes = 128;
  Driver driver = Driver::kOwnThread;
  std::uint64_t spare_bytes = 0;  // zeroed before the run begins
};

struct Outcome {
  double records_per_second = 0;
  double megabytes_per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
};

class Run;

// One record on its way; appended again as soon as it is answered.
class Slot final : public AppendRequest {
 public:
  void prepare(Run& run, TopicId to, const std::vector<std::byte>& value, ProducerId id) {
    run_ = &run;
    topic = to;
    partition = PartitionId(0);
    fields_.value = value;
    fields_.producer = ProducerMark{.id = id, .number = ProducerNumber(0)};
    records = {&fields_, 1};
  }
  void send(std::uint64_t number);
  void on_appended(Result<Appended> result) override;

  std::atomic<std::uint64_t>* numbers = nullptr;
  Slot* next_ready = nullptr;

 private:
  Run* run_ = nullptr;
  RecordFields fields_;
  Steady::time_point sent_;
};

class Run {
 public:
  Run(Store& store, TopicId topic, const Load& load)
      : store_(store),
        load_(load),
        value_(load.value_bytes, std::byte{'x'}),
        numbers_(load.producers),
        slots_(load.producers * load.outstanding) {
    latencies_.reserve(1 << 22);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const std::size_t producer = i % load.producers;
      slots_[i].prepare(*this, topic, value_, {.high = 1, .low = producer + 1});
      slots_[i].numbers = &numbers_[producer];
    }
  }

  Outcome measure(std::chrono::milliseconds warm_up, std::chrono::milliseconds time) {
    std::optional<std::thread> driver;
    if (load_.driver == Driver::kOwnThread) driver.emplace([this] { drive(); });
    running_ = static_cast<std::int64_t>(slots_.size());
    for (Slot& slot : slots_) slot.send(++*slot.numbers);
    std::this_thread::sleep_for(warm_up);
    const auto start = Steady::now();
    measuring_ = true;
    std::this_thread::sleep_for(time);
    measuring_ = false;
    const double seconds = std::chrono::duration<double>(Steady::now() - start).count();
    stopping_ = true;
    while (running_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    wake_.notify_one();
    if (driver) driver->join();
    return summarise(seconds);
  }

  void answered(Slot& slot, Steady::time_point sent, const Result<Appended>& result) {
    if (!result) {
      std::fprintf(stderr, "append failed: %s\n", result.error().message.c_str());
      std::exit(2);
    }
    if (measuring_.load(std::memory_order_relaxed)) {
      ++answered_;
      if ((answered_ & 7) == 0)
        latencies_.push_back(
            std::chrono::duration<float, std::micro>(Steady::now() - sent).count());
    }
    if (stopping_.load(std::memory_order_relaxed)) {
      --running_;
    } else if (load_.driver == Driver::kInAnswer) {
      slot.send(++*slot.numbers);
    } else {
      hand_back(slot);
    }
  }

  Store& store() { return store_; }

 private:
  void hand_back(Slot& slot) {
    Slot* head = ready_.load(std::memory_order_relaxed);
    do {
      slot.next_ready = head;
    } while (!ready_.compare_exchange_weak(head, &slot, std::memory_order_release));
    if (head == nullptr) {
      {
        const std::lock_guard lock(mutex_);
      }
      wake_.notify_one();
    }
  }

  void drive() {
    while (true) {
      Slot* slot = ready_.exchange(nullptr, std::memory_order_acquire);
      if (slot == nullptr) {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return done_ || ready_.load() != nullptr; });
        if (done_) return;
        continue;
      }
      while (slot != nullptr) {
        Slot* next = slot->next_ready;
        if (stopping_) {
          --running_;
        } else {
          slot->send(++*slot->numbers);
        }
        slot = next;
      }
    }
  }

  Outcome summarise(double seconds) {
    std::ranges::sort(latencies_);
    const auto percentile = [&](double p) {
      return latencies_.empty() ? 0.0
                                : static_cast<double>(latencies_[static_cast<std::size_t>(
                                      p * static_cast<double>(latencies_.size() - 1))]);
    };
    const double rate = static_cast<double>(answered_) / seconds;
    return {.records_per_second = rate,
            .megabytes_per_second = rate * static_cast<double>(load_.value_bytes) / 1e6,
            .p50_us = percentile(0.50),
            .p99_us = percentile(0.99)};
  }

  Store& store_;
  const Load load_;
  std::vector<std::byte> value_;
  std::vector<std::atomic<std::uint64_t>> numbers_;
  std::vector<Slot> slots_;
  std::vector<float> latencies_;  // of every eighth record; on the writer thread
  std::uint64_t answered_ = 0;    // on the writer thread
  std::atomic<bool> measuring_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<std::int64_t> running_{0};
  std::atomic<Slot*> ready_{nullptr};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool done_ = false;
};

void Slot::send(std::uint64_t number) {
  fields_.producer->number = ProducerNumber(number);
  sent_ = Steady::now();
  run_->store().append(*this);
}

void Slot::on_appended(Result<Appended> result) { run_->answered(*this, sent_, result); }

Outcome measure(const std::filesystem::path& directory, const Load& load, const TopicConfig& config,
                std::chrono::milliseconds time) {
  const std::filesystem::path data = directory / "engine-bench-data";
  std::filesystem::remove_all(data);
  Outcome outcome;
  {
    Result<std::unique_ptr<Store>> store =
        Store::open({.directory = data, .spare_bytes = load.spare_bytes});
    if (!store) {
      std::fprintf(stderr, "%s\n", store.error().message.c_str());
      std::exit(2);
    }
    if (const Status filled = (*store)->fill_spares(config.segment_bytes); !filled) {
      std::fprintf(stderr, "%s\n", filled.error().message.c_str());
      std::exit(2);
    }
    const Result<TopicInfo> topic = (*store)->create_topic("bench", config);
    Run run(**store, topic->id, load);
    outcome = run.measure(std::chrono::milliseconds(500), time);
  }
  std::filesystem::remove_all(data);
  return outcome;
}

}  // namespace
}  // namespace bimip::bench

int main(int argc, char** argv) {
  using namespace bimip::bench;
  std::filesystem::path directory = std::filesystem::current_path();
  std::chrono::milliseconds time(4000);
  std::string only;
  bimip::engine::TopicConfig config;
  Report report(false);
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--json") {
      report = Report(true);
    } else if (flag == "--dir" && i + 1 < argc) {
      directory = argv[++i];
    } else if (flag == "--only" && i + 1 < argc) {
      only = argv[++i];
    } else if (flag == "--segment-bytes" && i + 1 < argc) {
      config.segment_bytes = std::strtoull(argv[++i], nullptr, 10);
    } else if (flag == "--seconds" && i + 1 < argc) {
      time = std::chrono::milliseconds(static_cast<std::int64_t>(1000 * std::atof(argv[++i])));
    } else {
      std::fprintf(stderr,
                   "usage: engine_bench [--dir DIR] [--seconds S] [--json] [--only TEXT] "
                   "[--segment-bytes N]\n");
      return flag == "--help" ? 0 : 2;
    }
  }
  const auto wanted = [&](const std::string& name) {
    return only.empty() || name.find(only) != std::string::npos;
  };

  for (const Load& load :
       {Load{.name = "durable_128B_64x1", .outstanding = 1},
        Load{.name = "durable_128B_64x1_in_answer", .outstanding = 1, .driver = Driver::kInAnswer},
        Load{.name = "durable_128B_64x16", .outstanding = 16},
        Load{.name = "durable_128B_64x16_in_answer",
             .outstanding = 16,
             .driver = Driver::kInAnswer}}) {
    if (!wanted(load.name)) continue;
    // The bound: each round of the device answers one record of each producer.
    const std::optional<FioResult> fio =
        run_fio(directory, {.block_bytes = 4096, .depth = 1, .seconds = 2});
    std::optional<double> bound;
    if (fio) bound = load.outstanding == 1 ? 64.0 / (fio->mean_us * 1e-6) : 1'000'000.0;
    const Outcome outcome = measure(directory, load, config, time);
    report.add({.name = load.name + ".rate",
                .value = outcome.records_per_second,
                .unit = "records/s",
                .baseline = bound});
    report.add({.name = load.name + ".p50",
                .value = outcome.p50_us,
                .unit = "us",
                .baseline = fio ? std::optional(fio->mean_us) : std::nullopt});
    report.add({.name = load.name + ".p99",
                .value = outcome.p99_us,
                .unit = "us",
                .baseline = fio ? std::optional(fio->p99_us) : std::nullopt});
  }
  for (const std::size_t kib : {std::size_t{64}, std::size_t{1024}}) {
    const std::string name = "durable_" + std::to_string(kib) + "KiB_8x1";
    if (!wanted(name)) continue;
    std::optional<double> best;
    for (const int depth : {1, 4, 8}) {
      const std::optional<FioResult> fio =
          run_fio(directory, {.block_bytes = kib * 1024, .depth = depth, .seconds = 2});
      if (fio) best = std::max(best.value_or(0), fio->megabytes_per_second);
    }
    // Once into space that was zeroed before, as fio's is, and once into fresh space.
    for (const std::uint64_t spare_bytes : {kSpareBytes, std::uint64_t{0}}) {
      const Outcome outcome = measure(directory,
                                      {.name = name,
                                       .producers = 8,
                                       .outstanding = 1,
                                       .value_bytes = kib * 1024 - 512,
                                       .spare_bytes = spare_bytes},
                                      config, time);
      report.add({.name = name + (spare_bytes > 0 ? ".throughput" : ".throughput_fresh"),
                  .value = outcome.megabytes_per_second,
                  .unit = "MB/s",
                  .baseline = best});
    }
  }
  return 0;
}
