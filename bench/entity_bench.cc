// Measures what the entities of a topic cost: memory, the newest record, a replay, opening; and
// what is done behind the writer's back: compaction and scrub beside fio's sequential read, appends
// while a compaction runs. Usage: entity_bench [--dir DIR] [--entities N] [--records N] [--json]
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bench/fio.h"
#include "bench/flags.h"
#include "bench/report.h"
#include "engine/base/random.h"
#include "engine/store/store.h"

namespace bimip::bench {
namespace {

using namespace bimip::engine;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kBatch = 1000;
constexpr std::size_t kValueBytes = 100;
constexpr std::size_t kLookups = 20'000;
constexpr int kAppendSeconds = 2;
constexpr std::uint64_t kSegmentBytes = 64ULL << 20U;

[[noreturn]] void give_up(const Error& error) {
  std::fprintf(stderr, "entity_bench: %s\n", error.message.c_str());
  std::exit(2);
}

double seconds_since(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

// One request whose answer a thread waits for.
template <typename Request, typename Answer>
class Waited : public Request {
 public:
  Answer wait() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return answer_.has_value(); });
    Result<Answer> answer = std::move(*answer_);
    answer_.reset();
    if (!answer) give_up(answer.error());
    return std::move(*answer);
  }

 protected:
  void keep(Result<Answer> answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
    wake_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<Result<Answer>> answer_;
};

class WaitedAppend final : public Waited<AppendRequest, Appended> {
  void on_appended(Result<Appended> result) override { keep(std::move(result)); }
};
class WaitedEntity final : public Waited<EntityRequest, EntityState> {
  void on_entity(Result<EntityState> result) override { keep(std::move(result)); }
};
class WaitedRead final : public Waited<EntityReadRequest, EntityBatch> {
  void on_entity_read(Result<EntityBatch> result) override { keep(std::move(result)); }
};

struct Settings {
  std::filesystem::path directory = std::filesystem::current_path();
  std::uint64_t entities = 1'000'000;
  std::uint64_t records = 0;  // 0: twice as many
  bool json = false;
};

enum class Choice : std::uint8_t { kUniform, kZipf };

// Numbers below `count`: all alike, or the n-th with a weight of 1/n.
class Keys {
 public:
  Keys(std::uint64_t count, Choice choice) : count_(count), choice_(choice) {}
  std::uint64_t next() {
    if (choice_ == Choice::kUniform) return random_.below(count_);
    const double at = static_cast<double>(random_.below(1ULL << 52U)) * 0x1p-52;
    const double rank = std::pow(static_cast<double>(count_) + 1, at);
    return std::min(count_ - 1, static_cast<std::uint64_t>(rank) - 1);
  }

 private:
  const std::uint64_t count_;
  const Choice choice_;
  Random random_{1};
};

std::string key_of(std::uint64_t entity) { return "entity-" + std::to_string(entity); }

// A store with one topic of one partition, where entities have records.
class Bench {
 public:
  Bench(const Settings& settings, const Report& report)
      : settings_(settings), report_(report), directory_(settings.directory / "entity-bench-data") {
    std::filesystem::remove_all(directory_);
  }
  ~Bench() {
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void run() {
    const std::uint64_t records =
        settings_.records == 0 ? 2 * settings_.entities : settings_.records;
    open({.directory = directory_});
    create("keyed");
    const std::size_t before = heap_bytes();
    fill(records);
    report_.add({.name = "memory", .value = per_entity(heap_bytes() - before), .unit = "B/entity"});
    newest("newest_uniform_warm", Choice::kUniform);
    newest("newest_zipf_warm", Choice::kZipf);
    replay();
    store_.reset();
    reopen(records);
    store_.reset();
    drop_caches();
    open({.directory = directory_, .entities_in_memory_max = 1000});
    find("keyed");
    newest("newest_uniform_cold", Choice::kUniform);
    newest("newest_zipf_cold", Choice::kZipf);
    store_.reset();
    scrub();
    compaction();
  }

 private:
  void open(StoreOptions options) {
    options.free_space_floor = 0;
    if (options.scrub.bytes_per_second_max == limits::kScrubBytesPerSecondMax)
      options.scrub.bytes_per_second_max = 0;
    Result<std::unique_ptr<Store>> store = Store::open(std::move(options));
    if (!store) give_up(store.error());
    store_ = std::move(*store);
  }
  void create(const std::string& name, TopicConfig config = {}) {
    config.durability = Durability::kWritten;
    config.segment_bytes = kSegmentBytes;
    const Result<TopicInfo> topic = store_->create_topic(name, config);
    if (!topic) give_up(topic.error());
    topic_ = topic->id;
  }
  void find(const std::string& name) { topic_ = store_->find_topic(name)->id; }

  // Each entity once, in order, then the rest as it comes.
  void fill(std::uint64_t records) {
    Keys keys(settings_.entities, Choice::kZipf);
    const auto start = Steady::now();
    for (std::uint64_t at = 0; at < records; at += kBatch) {
      std::vector<std::uint64_t> entities;
      for (std::uint64_t i = at; i < std::min(records, at + kBatch); ++i)
        entities.push_back(i < settings_.entities ? i : keys.next());
      append(entities);
    }
    report_.add({.name = "fill",
                 .value = static_cast<double>(records) / seconds_since(start),
                 .unit = "records/s"});
  }
  void append(const std::vector<std::uint64_t>& entities) {
    std::vector<std::string> keys;
    keys.reserve(entities.size());
    std::vector<RecordFields> fields;
    for (const std::uint64_t entity : entities) {
      keys.push_back(key_of(entity));
      RecordFields record;
      record.key = as_bytes(keys.back());
      record.value = value_;
      fields.push_back(record);
    }
    WaitedAppend request;
    request.topic = topic_;
    request.partition = PartitionId(0);
    request.records = fields;
    store_->append(request);
    (void)request.wait();
  }

  static std::size_t heap_bytes() {
    const struct mallinfo2 now = mallinfo2();
    return now.uordblks + now.hblkhd;
  }
  [[nodiscard]] double per_entity(std::size_t bytes) const {
    return static_cast<double>(bytes) / static_cast<double>(settings_.entities);
  }
  static void drop_caches() {
    sync();
    const std::unique_ptr<FILE, int (*)(FILE*)> file(fopen("/proc/sys/vm/drop_caches", "w"),
                                                     fclose);
    if (!file) return (void)std::fprintf(stderr, "not root: what is called cold is not\n");
    (void)std::fputs("3", file.get());
  }

  // The newest record itself, one after another.
  void newest(const std::string& name, Choice choice) {
    Keys keys(settings_.entities, choice);
    std::vector<double> micros;
    const bool cold = name.ends_with("cold");
    const std::size_t lookups = cold ? kLookups / 10 : kLookups;
    const auto start = Steady::now();
    for (std::size_t i = 0; i < lookups; ++i) {
      const auto began = Steady::now();
      read_newest(key_of(keys.next()), 1);
      micros.push_back(seconds_since(began) * 1e6);
    }
    std::ranges::sort(micros);
    report_.add({.name = name + ".rate",
                 .value = static_cast<double>(lookups) / seconds_since(start),
                 .unit = "records/s"});
    report_.add({.name = name + ".p50", .value = micros[lookups / 2], .unit = "us"});
    report_.add({.name = name + ".p99", .value = micros[lookups * 99 / 100], .unit = "us"});
  }
  std::size_t read_newest(const std::string& key, std::size_t count) {
    WaitedRead request;
    request.topic = topic_;
    request.partition = PartitionId(0);
    request.key = as_bytes(key);
    request.order = EntityOrder::kNewestFirst;
    request.records_max = count;
    store_->read_entity(request);
    return request.wait().records().size();
  }

  // The entity with most records, from its first: beside its share of a scan of everything.
  void replay() {
    const std::string key = key_of(0);
    const auto start = Steady::now();
    std::uint64_t records = 0;
    for (IncrementId from(1);;) {
      WaitedRead request;
      request.topic = topic_;
      request.partition = PartitionId(0);
      request.key = as_bytes(key);
      request.from = from;
      store_->read_entity(request);
      const EntityBatch batch = request.wait();
      records += batch.records().size();
      if (batch.next() > batch.last_increment()) break;
      from = batch.next();
    }
    const double took = seconds_since(start);
    report_.add({.name = "replay.records", .value = static_cast<double>(records), .unit = ""});
    report_.add(
        {.name = "replay.rate", .value = static_cast<double>(records) / took, .unit = "records/s"});
  }

  void reopen(std::uint64_t records) {
    drop_caches();
    const auto start = Steady::now();
    open({.directory = directory_});
    find("keyed");
    WaitedEntity request;
    const std::string key = key_of(settings_.entities / 2);
    request.topic = topic_;
    request.partition = PartitionId(0);
    request.key = as_bytes(key);
    store_->find_entity(request);
    (void)request.wait();
    report_.add({.name = "open_cold", .value = seconds_since(start) * 1e3, .unit = "ms"});
    report_.add({.name = "open_cold.read",
                 .value = static_cast<double>(store_->report().bytes_read()) / 1e6,
                 .unit = "MB",
                 .baseline = static_cast<double>(records * kValueBytes) / 1e6});
  }

  [[nodiscard]] std::vector<std::filesystem::path> sealed_files() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_)) {
      if (entry.path().extension() == ".segment") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    if (!files.empty()) files.pop_back();  // the active one
    return files;
  }

  void scrub() {
    const std::optional<double> fio = sequential_read(sealed_files());
    const auto start = Steady::now();
    open({.directory = directory_,
          .scrub = {.bytes_per_second_max = 1ULL << 40U, .age_goal = std::chrono::seconds(1)}});
    std::uint64_t total = 0;
    for (const std::filesystem::path& file : sealed_files())
      total += std::filesystem::file_size(file);
    while (store_->scrubber().counters().bytes < total && seconds_since(start) < 120)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const auto bytes = static_cast<double>(store_->scrubber().counters().bytes);
    report_.add({.name = "scrub",
                 .value = bytes / 1e6 / seconds_since(start),
                 .unit = "MB/s",
                 .baseline = fio});
    store_.reset();
  }

  // As many records again, in a topic that keeps the newest of each key.
  void compaction() {
    std::filesystem::remove_all(directory_);
    open({.directory = directory_, .rewrite_bytes_per_second = 1});  // not yet
    create("compacted", {.compaction = Compaction::kNewest});
    fill(settings_.entities);
    fill(settings_.entities);
    const double before = appends_per_second();
    store_.reset();
    const std::optional<double> fio = sequential_read(sealed_files());
    open({.directory = directory_, .rewrite_bytes_per_second = 0});
    find("compacted");
    const auto start = Steady::now();
    const double during = appends_per_second();
    while (store_->upkeep().compactions == 0 && seconds_since(start) < 300)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const auto bytes = static_cast<double>(store_->upkeep().bytes_read);
    report_.add({.name = "compaction.read",
                 .value = bytes / 1e6 / seconds_since(start),
                 .unit = "MB/s",
                 .baseline = fio});
    report_.add({.name = "compaction.dropped",
                 .value = static_cast<double>(store_->upkeep().records_dropped),
                 .unit = "records"});
    report_.add(
        {.name = "appends_meanwhile", .value = during, .unit = "records/s", .baseline = before});
  }

  [[nodiscard]] double appends_per_second() {
    Keys keys(settings_.entities, Choice::kUniform);
    const auto start = Steady::now();
    std::uint64_t appended = 0;
    while (seconds_since(start) < kAppendSeconds) {
      std::vector<std::uint64_t> entities(kBatch);
      for (std::uint64_t& entity : entities) entity = keys.next();
      append(entities);
      appended += kBatch;
    }
    return static_cast<double>(appended) / seconds_since(start);
  }

  const Settings settings_;
  const Report& report_;
  const std::filesystem::path directory_;
  const std::vector<std::byte> value_{kValueBytes, std::byte{'v'}};
  std::unique_ptr<Store> store_;
  TopicId topic_{};
};

}  // namespace
}  // namespace bimip::bench

int main(int argc, char** argv) {
  bimip::bench::Settings settings;
  CLI::App flags("What the entities of a topic cost, and what is done behind its writer's back",
                 "entity_bench");
  flags.add_option("--dir", settings.directory, "A folder on the disk in question");
  flags.add_option("--entities", settings.entities, "How many")
      ->check(CLI::Range(1'000ULL, 1'000'000'000ULL));
  flags.add_option("--records", settings.records, "How many; else twice as many");
  flags.add_flag("--json", settings.json, "A JSON object a figure");
  if (const auto ended = bimip::bench::parse(flags, argc, argv)) return *ended;
  const bimip::bench::Report report(settings.json);
  bimip::bench::Bench(settings, report).run();
  return 0;
}
