// What many partitions, many held records and the scrub cost.
// usage: many_bench [--dir DIR] [--partitions N] [--held N] [--json]
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "bench/report.h"
#include "engine/store/store.h"
#include "tests/support/log_client.h"

namespace bimip::bench {
namespace {

using namespace bimip::engine;
using testing::LogClient;
using testing::PendingAppend;
using testing::value_record;

struct Settings {
  Path directory = "many-bench";
  std::uint32_t partitions = 10'000;
  std::size_t held = 1'000'000;
  bool json = false;
};

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
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

std::size_t descriptors() {
  return static_cast<std::size_t>(std::distance(
      std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator()));
}

std::unique_ptr<Store> open_store(const Path& directory, ScrubOptions scrub = {}) {
  Result<std::unique_ptr<Store>> store =
      Store::open({.directory = directory, .free_space_floor = 0, .scrub = scrub});
  if (!store) {
    std::fprintf(stderr, "many_bench: %s\n", store.error().message.c_str());
    std::exit(2);
  }
  return std::move(*store);
}

// Appends `value` so many times, a number of requests on their way together; seconds.
double append_many(Store& store, TopicId topic, std::span<const PartitionId> partitions,
                   std::size_t count, RecordFields fields) {
  const double began = now_s();
  std::vector<std::unique_ptr<PendingAppend>> requests(512);
  for (std::size_t i = 0; i < count + requests.size(); ++i) {
    std::unique_ptr<PendingAppend>& slot = requests[i % requests.size()];
    while (slot && !slot->done()) std::this_thread::yield();
    if (slot && !slot->answer()) {
      std::fprintf(stderr, "many_bench: %s\n", slot->answer().error().message.c_str());
      std::exit(2);
    }
    slot.reset();
    if (i >= count) continue;
    slot = std::make_unique<PendingAppend>(std::vector{fields});
    slot->topic = topic;
    slot->partition = partitions[i % partitions.size()];
    store.append(*slot);
  }
  return now_s() - began;
}

void measure_partitions(const Settings& settings, const Report& report) {
  const Path directory = settings.directory / "partitions";
  const std::uint32_t each = std::min<std::uint32_t>(settings.partitions, 1000);
  std::vector<TopicId> topics;
  {
    const auto store = open_store(directory);
    const double before = resident_bytes();
    const double began = now_s();
    for (std::uint32_t i = 0; i * each < settings.partitions; ++i) {
      const auto topic = store->create_topic("t" + std::to_string(i), {.partitions = each});
      if (!topic) std::exit(2);
      topics.push_back(topic->id);
    }
    report.add({.name = "make all partitions", .value = now_s() - began, .unit = "s"});
    const double count = static_cast<double>(each) * static_cast<double>(topics.size());
    report.add({.name = "memory of an idle partition",
                .value = (resident_bytes() - before) / count,
                .unit = "bytes"});
    std::this_thread::sleep_for(std::chrono::seconds(2));
    const double idle = processor_s();
    std::this_thread::sleep_for(std::chrono::seconds(4));
    report.add({.name = "processor while all are idle",
                .value = (processor_s() - idle) / 4 * 100,
                .unit = "percent"});
    std::vector<PartitionId> all;
    for (std::uint32_t i = 0; i < each; ++i) all.emplace_back(i);
    double seconds = 0;
    for (const TopicId topic : topics)
      seconds += append_many(*store, topic, all, each, value_record("first"));
    report.add({.name = "first record in every partition", .value = count / seconds, .unit = "/s"});
    report.add({.name = "descriptors after that",
                .value = static_cast<double>(descriptors()),
                .unit = ""});
  }
  const double began = now_s();
  const auto store = open_store(directory);
  report.add({.name = "open them all", .value = now_s() - began, .unit = "s"});
}

void measure_held(const Settings& settings, const Report& report) {
  const Path directory = settings.directory / "held";
  const std::vector<PartitionId> one{PartitionId(0)};
  RecordFields fields =
      value_record(std::string_view("a value of about a hundred bytes, so that "
                                    "the bytes of a held record are not all of "
                                    "its cost"));
  TopicId topic;
  {
    const auto store = open_store(directory);
    topic = store->create_topic("held", {})->id;
    const double plain =
        static_cast<double>(settings.held) / append_many(*store, topic, one, settings.held, fields);
    fields.not_before = system_clock().now() + std::chrono::hours(1);
    const double before = resident_bytes();
    const double held =
        static_cast<double>(settings.held) / append_many(*store, topic, one, settings.held, fields);
    report.add({.name = "append held records", .value = held, .unit = "/s", .baseline = plain});
    report.add({.name = "memory of a held record, with its snapshots",
                .value = (resident_bytes() - before) / static_cast<double>(settings.held),
                .unit = "bytes"});
    const double idle = processor_s();
    std::this_thread::sleep_for(std::chrono::seconds(3));
    report.add({.name = "processor while they are held",
                .value = (processor_s() - idle) / 3 * 100,
                .unit = "percent"});
  }
  const double began = now_s();
  const auto store = open_store(directory);
  report.add({.name = "open with them held", .value = now_s() - began, .unit = "s"});
}

void measure_scrub(const Settings& settings, const Report& report) {
  const Path directory = settings.directory / "scrub";
  const std::vector<PartitionId> one{PartitionId(0)};
  const std::string large(4000, 'x');
  constexpr std::size_t kRecords = 100'000;
  {
    const auto store = open_store(directory, {.bytes_per_second_max = 0});
    const TopicId topic = store->create_topic("t", {.segment_bytes = 16 * 1024 * 1024})->id;
    (void)append_many(*store, topic, one, kRecords, value_record(large));
  }
  const auto rate = [&](ScrubOptions scrub) {
    const auto store = open_store(directory, scrub);
    const TopicId topic = store->find_topic("t")->id;
    const double seconds = append_many(*store, topic, one, kRecords, value_record(large));
    if (scrub.bytes_per_second_max > 0) {
      report.add({.name = "scrubbed meanwhile",
                  .value = static_cast<double>(store->scrubber().counters().bytes) / seconds / 1e6,
                  .unit = "MB/s"});
    }
    return static_cast<double>(kRecords) / seconds;
  };
  const double without = rate({.bytes_per_second_max = 0});
  // Everything is behind a goal of a second, so that it does not rest while there are writes.
  const double with = rate({.age_goal = std::chrono::seconds(1)});
  report.add({.name = "append while the scrub is behind its goal",
              .value = with,
              .unit = "/s",
              .baseline = without});
}

}  // namespace
}  // namespace bimip::bench

int main(int argc, char** argv) {
  bimip::bench::Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (flag == "--json") {
      settings.json = true;
    } else if (flag == "--dir" && value != nullptr) {
      settings.directory = argv[++i];
    } else if (flag == "--partitions" && value != nullptr) {
      settings.partitions = static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
    } else if (flag == "--held" && value != nullptr) {
      settings.held = std::strtoul(argv[++i], nullptr, 10);
    } else {
      std::fprintf(stderr, "usage: many_bench [--dir DIR] [--partitions N] [--held N] [--json]\n");
      return flag == "--help" ? 0 : 2;
    }
  }
  const bimip::bench::Report report(settings.json);
  std::filesystem::create_directories(settings.directory);
  bimip::bench::measure_partitions(settings, report);
  bimip::bench::measure_held(settings, report);
  bimip::bench::measure_scrub(settings, report);
  std::filesystem::remove_all(settings.directory);
  return 0;
}
