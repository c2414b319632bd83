// The stores that the salvage matrix damages: every kind of file is in them, some of it written
// anew or made by a salvage.
#pragma once

#include <cstdlib>
#include <thread>

#include "tests/tools/log/command_run.h"
#include "tests/tools/log/stored_records.h"
#include "tools/log/rewrite/compact_command.h"
#include "tools/log/salvage/salvage_command.h"

namespace bimip::testing {

enum class Recipe : std::uint8_t {
  kWritten,  // by a server, and no more
  kRescued,  // salvaged with a loss, then written to, then compacted
  kReal,     // the same, of lines that this machine has anyway
};

inline std::string_view name_of(Recipe recipe) {
  constexpr std::array<std::string_view, 3> kNames{"Written", "Rescued", "Real"};
  return kNames.at(static_cast<std::size_t>(recipe));
}

// Text of this machine, as values of one block each.
inline std::vector<std::vector<std::string>> real_blocks(std::size_t count) {
  constexpr std::size_t kBlockBytes = 3600;
  std::vector<Path> files;
  for (const char* folder : {"/usr/share/common-licenses", "/usr/share/dict", "/usr/include"}) {
    std::error_code ignored;
    std::filesystem::recursive_directory_iterator entry(folder, ignored);
    for (; entry != std::filesystem::recursive_directory_iterator(); entry.increment(ignored))
      if (entry->is_regular_file(ignored)) files.push_back(entry->path());
  }
  std::ranges::sort(files);
  std::vector<std::vector<std::string>> blocks(1);
  std::size_t bytes = 0;
  for (const Path& file : files) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
      if (bytes + line.size() + 40 > kBlockBytes) {
        if (blocks.size() == count) return blocks;
        blocks.emplace_back();
        bytes = 0;
      }
      bytes += line.size() + 40;
      blocks.back().push_back(std::move(line));
    }
  }
  throw std::runtime_error("this machine has no text");
}

// What the records of a block are given beside their values.
struct Marks {
  std::size_t keys = 7;  // that blocks have in turn
  bool of_producers = false;
};

class MatrixStore {
 public:
  explicit MatrixStore(Recipe recipe) : recipe_(recipe) {
    if (recipe == Recipe::kReal) blocks_ = real_blocks(260);
    const Path fresh = recipe == Recipe::kWritten ? path() : folder_.path() / "fresh";
    std::filesystem::create_directories(fresh);
    write(fresh);
    if (recipe != Recipe::kWritten) rescue(fresh);
    std::filesystem::copy(path(), before(), std::filesystem::copy_options::recursive);
    write_more();
    if (recipe != Recipe::kWritten)
      must(run(log_tools::run_compact, {.path = path(), .replace = log_tools::InPlace::kYes}));
    records_ = records_that_check(path());
    in_log_ = listed_records();
  }

  [[nodiscard]] Path path() const { return folder_.path() / "store"; }
  // As it was some time before.
  [[nodiscard]] Path before() const { return folder_.path() / "before"; }
  [[nodiscard]] const Records& records() const { return records_; }

  [[nodiscard]] Path partition(const std::string& topic, int number = 0) const {
    return path() / file_names::kTopics / topic / std::to_string(number);
  }
  static Manifest manifest_in(const Path& folder) {
    const std::vector<std::byte> bytes = read_bytes(folder / file_names::kManifest);
    return *decode_manifest(decode_table(TableKind::kManifest, bytes)->identity, bytes);
  }
  [[nodiscard]] Manifest manifest(const std::string& topic, int number = 0) const {
    return manifest_in(partition(topic, number));
  }
  // Names of all files of a kind, sorted.
  [[nodiscard]] std::vector<Path> files(const std::string& topic, file_names::FileKind kind) const {
    std::vector<Path> found;
    for (const auto& entry : std::filesystem::directory_iterator(partition(topic))) {
      const auto file = file_names::parse(entry.path().filename().string());
      if (file && file->kind == kind) found.push_back(entry.path());
    }
    std::ranges::sort(found);
    return found;
  }

  // Not of what retention or a rewrite took out of the log: it may lie on the disk for a while, in
  // a segment that is not removed yet or as the spare space that it became.
  [[nodiscard]] bool is_in_log(const RecordPlace& place) const { return in_log_.contains(place); }
  [[nodiscard]] Records still_in_log(Records records) const {
    std::erase_if(records, [&](const auto& record) { return !is_in_log(record.first); });
    return records;
  }

  // A key of topic "kept" all of whose records are gone, and how many it had.
  static constexpr std::string_view kGoneKey = "early";
  static constexpr std::uint64_t kGoneRecords = 5;

 private:
  static void must(const Ran& ran, log_tools::Exit exit = log_tools::Exit::kClean) {
    if (ran.exit != exit) throw std::runtime_error(ran.out + ran.err);
  }
  template <typename T>
  static void must(const Result<T>& result) {
    if (!result) throw std::runtime_error(result.error().message);
  }

  // One block's worth of records: the i-th of those there are.
  void append(LogClient& log, TopicId topic, std::size_t i, Marks marks = {},
              PartitionId partition = PartitionId(0)) const {
    const std::string made(3800, static_cast<char>('a' + i % 26));
    std::vector<std::string> values{made};
    if (!blocks_.empty()) values = blocks_[i % blocks_.size()];
    const std::string once = "once " + std::to_string(i);
    const std::vector<Header> headers{
        {.name = "colour", .value = as_bytes(i % 2 ? "red" : "blue")}};
    const std::vector<std::byte> encoded = *encode_headers(headers);
    std::vector<std::string> keys;
    for (std::size_t k = 0; k < values.size(); ++k)
      keys.push_back("key " + std::to_string(i % marks.keys) + "." + std::to_string(k));
    std::vector<RecordFields> all;
    for (std::size_t k = 0; k < values.size(); ++k) all.push_back(value_record(values[k], keys[k]));
    all.front().headers = encoded;
    if (marks.of_producers && i % 3 == 0) all.front().idempotency_key = as_bytes(once);
    if (marks.of_producers && i % 3 == 1)
      all.front().producer = ProducerMark{.id = {.high = 1, .low = 2}, .number = ProducerNumber(i)};
    must(log.append(topic, std::move(all), partition));
  }

  // Five are more than a server writes without a checkpoint.
  static void append_large(LogClient& log, TopicId topic, std::uint64_t from, std::uint64_t end) {
    const std::string value(900'000, 'z');
    for (std::uint64_t i = from; i < end; ++i) {
      const std::string key = "large " + std::to_string(i % 2);
      RecordFields fields = value_record(value, key);
      fields.producer = ProducerMark{.id = {.high = 3, .low = 4}, .number = ProducerNumber(i)};
      must(log.append(topic, std::vector{fields}));
    }
  }

  void write(const Path& folder) const {
    const std::unique_ptr<Device> device = make_posix_device();
    const auto store = open_store(folder, *device);
    LogClient log(*store);
    const auto topic = [&](const char* name, TopicConfig config) {
      config.segment_bytes = limits::kSegmentBytesMin;
      return store->create_topic(name, config)->id;
    };
    const TopicId orders = topic("orders", {.partitions = 2});
    const TopicId holed = topic("holed", {});
    const TopicId prices = topic("prices", {.compaction = Compaction::kNewest});
    must(store->create_topic("quiet", {}));
    for (std::size_t i = 0; i < 60; ++i) append(log, orders, i, {.of_producers = true});
    for (std::size_t i = 0; i < 5; ++i) append(log, orders, i, {}, PartitionId(1));
    for (std::size_t i = 0; i < 40; ++i) append(log, holed, i);
    for (std::size_t i = 0; i < 60; ++i) append(log, prices, i, {.keys = 35});
    append_large(log, store->create_topic("large", {})->id, 0, 5);
    fill_kept(*store, log, topic("kept", {.retention_bytes = 4 * limits::kSegmentBytesMin}));
  }

  // Until retention has taken what the first key had.
  void fill_kept(Store& store, LogClient& log, TopicId kept) const {
    for (std::uint64_t i = 0; i < kGoneRecords; ++i)
      must(log.append(kept, {value_record(std::string(3800, 'k'), kGoneKey)}));
    for (std::size_t i = 0; i < 120; ++i) append(log, kept, i);
    wait_for_start(store, kept, Offset(kGoneRecords));
  }

  static void wait_for_start(Store& store, TopicId kept, Offset start) {
    for (int i = 0; i < 400; ++i) {
      if (store.bounds(kept, PartitionId(0))->start >= start) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
    throw std::runtime_error("retention removed nothing");
  }

  void rescue(const Path& fresh) const {
    const Path holed = fresh / file_names::kTopics / "holed" / "0";
    const Epoch first = manifest_in(holed).segments.front().epoch;
    change_byte(holed / file_names::segment(first), 5 * limits::kSectorBytes + 200, 8);
    must(run(log_tools::run_salvage, {.path = fresh, .to = path()}), log_tools::Exit::kDamage);
    std::filesystem::remove_all(fresh);
  }

  void write_more() const {
    const std::unique_ptr<Device> device = make_posix_device();
    const auto store = open_store(path(), *device);
    LogClient log(*store);
    const auto id = [&](const char* name) { return store->find_topic(name)->id; };
    const TopicId later = store->create_topic("later", {})->id;
    for (std::size_t i = 60; i < 100; ++i) append(log, id("orders"), i, {.of_producers = true});
    for (std::size_t i = 60; i < 100; ++i) append(log, id("prices"), i, {.keys = 35});
    for (std::size_t i = 40; i < 45; ++i) append(log, id("holed"), i);
    for (std::size_t i = 0; i < 10; ++i) append(log, later, i);
    const Offset kept_from = store->bounds(id("kept"), PartitionId(0))->start;
    for (std::size_t i = 120; i < 160; ++i) append(log, id("kept"), i);
    wait_for_start(*store, id("kept"), kept_from + 1);
    append_large(log, id("large"), 5, recipe_ == Recipe::kWritten ? 6 : 10);
  }

  // What is in segments that a manifest lists, and not below the log's start.
  [[nodiscard]] Records listed_records() const {
    Records found;
    std::map<std::pair<TopicId, PartitionId>, Offset> starts;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path())) {
      if (entry.path().filename() != file_names::kManifest) continue;
      const Manifest listed = manifest_in(entry.path().parent_path());
      starts[{listed.partition.topic, listed.partition.partition}] = listed.log_start;
      for (const ManifestSegment& segment : listed.segments) {
        const Path file = entry.path().parent_path() / file_names::segment(segment.epoch);
        if (std::filesystem::exists(file)) add_records_in(read_bytes(file), found);
      }
    }
    std::erase_if(found, [&](const auto& record) {
      const RecordPlace& place = record.first;
      return place.offset < starts[{place.topic, place.partition}];
    });
    return found;
  }

  const Recipe recipe_;
  TempDirectory folder_;
  std::vector<std::vector<std::string>> blocks_;
  Records records_;  // wherever they lie
  Records in_log_;
};

}  // namespace bimip::testing
