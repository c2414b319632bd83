// Measures the engine's durable appends beside fio's on the same disk: both take turns, a second
// each, and the medians are printed. Usage: engine_bench [--dir DIR] [--rounds N] [--seconds S]
// [--json] [--only TEXT] [--segment-bytes N]
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
#include "bench/flags.h"
#include "bench/report.h"
#include "engine/store/store.h"

namespace bimip::bench {
namespace {

using namespace bimip::engine;
using Steady = std::chrono::steady_clock;

// About what a few rounds of large batches write.
constexpr std::uint64_t kSpareBytes = 8ULL << 30;
constexpr std::chrono::milliseconds kWarmUp{300};

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

class Run final : private Wakeup {
 public:
  // `round`: one more at each run on a store, so that every run has producers of its own.
  Run(Store& store, TopicId topic, const Load& load, std::uint64_t round)
      : store_(store),
        load_(load),
        value_(load.value_bytes, std::byte{'x'}),
        numbers_(load.producers),
        slots_(load.producers * load.outstanding) {
    latencies_.reserve(1 << 20);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const std::size_t producer = i % load.producers;
      slots_[i].prepare(*this, topic, value_, {.high = round, .low = producer + 1});
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
    if (head == nullptr) wake_after_answers(*this);
  }

  void wake() override {
    {
      const std::lock_guard lock(mutex_);
    }
    wake_.notify_one();
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

[[noreturn]] void give_up(const Error& error) {
  std::fprintf(stderr, "engine_bench: %s\n", error.message.c_str());
  std::exit(2);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// The middle of several rounds, figure by figure.
template <typename Round>
double median_of(const std::vector<Round>& rounds, double Round::* figure) {
  std::vector<double> values;
  for (const Round& round : rounds) values.push_back(round.*figure);
  return median(std::move(values));
}

// A store of its own with one topic, for the rounds of one load.
class Bench {
 public:
  Bench(std::filesystem::path directory, Load load, const TopicConfig& config)
      : directory_(std::move(directory)), load_(std::move(load)) {
    std::filesystem::remove_all(directory_);
    Result<std::unique_ptr<Store>> store =
        Store::open({.directory = directory_, .spare_bytes = load_.spare_bytes});
    if (!store) give_up(store.error());
    store_ = std::move(*store);
    if (const Status filled = store_->fill_spares(config.segment_bytes); !filled)
      give_up(filled.error());
    const Result<TopicInfo> topic = store_->create_topic("bench", config);
    if (!topic) give_up(topic.error());
    topic_ = topic->id;
  }
  ~Bench() {
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void round(std::chrono::milliseconds time) {
    Run run(*store_, topic_, load_, rounds_.size() + 1);
    rounds_.push_back(run.measure(kWarmUp, time));
  }
  [[nodiscard]] double figure(double Outcome::* which) const { return median_of(rounds_, which); }

 private:
  const std::filesystem::path directory_;
  const Load load_;
  std::unique_ptr<Store> store_;
  TopicId topic_{};
  std::vector<Outcome> rounds_;
};

struct Settings {
  std::filesystem::path directory = std::filesystem::current_path();
  std::chrono::milliseconds time{1000};
  int rounds = 3;
  bool json = false;
  std::string only;
  TopicConfig config;
};

// One of fio's ways, round by round; nothing once fio was not to be had.
class FioRounds {
 public:
  FioRounds(const FioFile& file, FioJob job) : file_(file), job_(job) {}
  void round() {
    if (const std::optional<FioResult> result = file_.run(job_)) results_.push_back(*result);
  }
  [[nodiscard]] std::optional<double> figure(double FioResult::* which) const {
    if (results_.empty()) return std::nullopt;
    return median_of(results_, which);
  }

 private:
  const FioFile& file_;
  const FioJob job_;
  std::vector<FioResult> results_;
};

// The bound with one record outstanding: each round of the device answers one record of each
// producer. With more: the goal that the project has set itself.
void measure_small(const Settings& settings, const Report& report, const Load& load) {
  const FioFile file(settings.directory, 256ULL << 20);
  FioRounds fio(file, {.block_bytes = 4096, .depth = 1});
  Bench bench(settings.directory / "engine-bench-data", load, settings.config);
  for (int i = 0; i < settings.rounds; ++i) {
    fio.round();
    bench.round(settings.time);
  }
  const std::optional<double> mean_us = fio.figure(&FioResult::mean_us);
  std::optional<double> bound;
  if (load.outstanding > 1) {
    bound = 1'000'000.0;
  } else if (mean_us) {
    bound = static_cast<double>(load.producers) / (*mean_us * 1e-6);
  }
  report.add({.name = load.name + ".rate",
              .value = bench.figure(&Outcome::records_per_second),
              .unit = "records/s",
              .baseline = bound});
  report.add({.name = load.name + ".p50",
              .value = bench.figure(&Outcome::p50_us),
              .unit = "us",
              .baseline = mean_us});
  report.add({.name = load.name + ".p99",
              .value = bench.figure(&Outcome::p99_us),
              .unit = "us",
              .baseline = fio.figure(&FioResult::p99_us)});
}

// Into space that was zeroed before, as fio's is, and into fresh space.
void measure_large(const Settings& settings, const Report& report, const Load& load) {
  // As long as what the engine writes in a few rounds: a host keeps a short file in its own memory.
  const FioFile file(settings.directory, 4ULL << 30);
  std::vector<FioRounds> fio;
  for (const int depth : {1, 4, 8})
    fio.emplace_back(file, FioJob{.block_bytes = load.value_bytes, .depth = depth});
  Load batches = load;
  batches.value_bytes -= 512;  // a block's header and the record's own bytes fit beside it
  Load zeroed = batches;
  zeroed.spare_bytes = kSpareBytes;
  Bench into_zeroed(settings.directory / "engine-bench-data", zeroed, settings.config);
  Bench into_fresh(settings.directory / "engine-bench-fresh", batches, settings.config);
  for (int i = 0; i < settings.rounds; ++i) {
    for (FioRounds& way : fio) way.round();
    into_zeroed.round(settings.time);
    into_fresh.round(settings.time);
  }
  std::optional<double> best;
  for (const FioRounds& way : fio) {
    if (const auto rate = way.figure(&FioResult::megabytes_per_second))
      best = std::max(best.value_or(0), *rate);
  }
  for (const auto& [name, bench] :
       {std::pair(".throughput", &into_zeroed), std::pair(".throughput_fresh", &into_fresh)}) {
    report.add({.name = load.name + name,
                .value = bench->figure(&Outcome::megabytes_per_second),
                .unit = "MB/s",
                .baseline = best});
  }
}

void measure_all(const Settings& settings) {
  const Report report(settings.json);
  const auto wanted = [&](const std::string& name) {
    return name.find(settings.only) != std::string::npos;
  };
  for (const Load& load :
       {Load{.name = "durable_128B_64x1", .outstanding = 1},
        Load{.name = "durable_128B_64x1_in_answer", .outstanding = 1, .driver = Driver::kInAnswer},
        Load{.name = "durable_128B_64x16", .outstanding = 16},
        Load{.name = "durable_128B_64x16_in_answer",
             .outstanding = 16,
             .driver = Driver::kInAnswer}}) {
    if (wanted(load.name)) measure_small(settings, report, load);
  }
  for (const std::size_t kib : {std::size_t{64}, std::size_t{1024}}) {
    const Load load{.name = "durable_" + std::to_string(kib) + "KiB_8x1",
                    .producers = 8,
                    .outstanding = 1,
                    .value_bytes = kib * 1024};
    if (wanted(load.name)) measure_large(settings, report, load);
  }
}

}  // namespace
}  // namespace bimip::bench

int main(int argc, char** argv) {
  bimip::bench::Settings settings;
  double seconds = 1;
  CLI::App flags("Durable appends of the engine, beside fio's on the same disk", "engine_bench");
  flags.add_option("--dir", settings.directory, "A folder on the disk in question");
  flags.add_option("--rounds", settings.rounds, "So many, of which the medians are told")
      ->check(CLI::PositiveNumber);
  flags.add_option("--seconds", seconds, "Of one round")->check(CLI::PositiveNumber);
  flags.add_option("--only", settings.only, "Only figures with this in their name");
  flags.add_option("--segment-bytes", settings.config.segment_bytes, "Size of a segment");
  flags.add_flag("--json", settings.json, "A JSON object a figure");
  if (const auto ended = bimip::bench::parse(flags, argc, argv)) return *ended;
  settings.time = std::chrono::milliseconds(static_cast<std::int64_t>(1000 * seconds));
  bimip::bench::measure_all(settings);
  return 0;
}
