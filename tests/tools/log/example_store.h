// A small store of every kind of file, and ways to change its bytes, for the tests of the offline
// tools.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "engine/device/posix_device.h"
#include "engine/format/file_names.h"
#include "engine/format/table.h"
#include "engine/store/store.h"
#include "tests/support/log_client.h"
#include "tests/support/temp_directory.h"
#include "tools/log/verify.h"

namespace bimip::testing {

namespace log_tools = bimip::log_tools;

inline std::unique_ptr<Store> open_store(const Path& directory, Device& device) {
  Result<std::unique_ptr<Store>> store =
      Store::open({.directory = directory, .free_space_floor = 0, .device = &device});
  if (!store) throw std::runtime_error(store.error().message);
  return std::move(*store);
}

inline std::vector<std::byte> read_bytes(const Path& path) {
  Result<std::vector<std::byte>> bytes = log_tools::read_whole(path, 1ULL << 30U);
  if (!bytes) throw std::runtime_error(bytes.error().message);
  return std::move(*bytes);
}
inline void write_bytes(const Path& path, Bytes bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
}
inline void change_byte(const Path& path, std::uint64_t position, std::uint8_t mask) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(position));
  const auto byte = static_cast<std::uint8_t>(file.get());
  file.seekp(static_cast<std::streamoff>(position));
  file.put(static_cast<char>(byte ^ mask));
}

// Topic "orders": partition 0 with sealed segments and an active one, marks of producers and
// idempotency keys; partition 1 with one young segment. Topic "quiet": empty. Topic "large", when
// asked for: a segment that has a checkpoint.
class ExampleStore {
 public:
  enum class WithLarge : std::uint8_t { kNo, kYes };
  explicit ExampleStore(int records = 60, WithLarge with_large = WithLarge::kNo) {
    const std::unique_ptr<Device> device = make_posix_device();
    const auto store = open_store(path(), *device);
    LogClient log(*store);
    const TopicId topic =
        store->create_topic("orders", {.partitions = 2, .segment_bytes = limits::kSegmentBytesMin})
            ->id;
    if (!store->create_topic("quiet", {})) throw std::runtime_error("no topic");
    for (int i = 0; i < records; ++i) append(log, topic, i);
    for (int i = 0; i < 5; ++i) {
      if (!log.append(topic, "small " + std::to_string(i), PartitionId(1)))
        throw std::runtime_error("no append");
    }
    if (with_large == WithLarge::kYes) fill_large(log, store->create_topic("large", {})->id);
  }

  [[nodiscard]] Path checkpoint() const {
    return path() / "topics" / "large" / "0" / file_names::checkpoint(Epoch(1));
  }
  [[nodiscard]] const Path& path() const { return directory_.path(); }
  [[nodiscard]] Path partition(int number = 0) const {
    return path() / "topics" / "orders" / std::to_string(number);
  }
  // Names of all files of partition 0 of a kind, sorted.
  [[nodiscard]] std::vector<Path> files(file_names::FileKind kind) const {
    std::vector<Path> found;
    for (const auto& entry : std::filesystem::directory_iterator(partition())) {
      const auto file = file_names::parse(entry.path().filename().string());
      if (file && file->kind == kind) found.push_back(entry.path());
    }
    std::ranges::sort(found);
    return found;
  }
  [[nodiscard]] Manifest manifest(int number = 0) const {
    const std::vector<std::byte> bytes = read_bytes(partition(number) / "manifest");
    const auto table = decode_table_identity(bytes);
    return *decode_manifest(table, bytes);
  }
  [[nodiscard]] Path active(int number = 0) const {
    for (const ManifestSegment& segment : manifest(number).segments) {
      if (segment.state == SegmentState::kActive)
        return partition(number) / file_names::segment(segment.epoch);
    }
    throw std::runtime_error("no active segment");
  }
  [[nodiscard]] Path sealed() const {
    return partition() / file_names::segment(manifest().segments.front().epoch);
  }

 private:
  static SegmentIdentity decode_table_identity(Bytes bytes) {
    return decode_table(TableKind::kManifest, bytes)->identity;
  }

  static void fill_large(LogClient& log, TopicId topic) {
    const std::string value(900'000, 'z');
    for (std::uint64_t i = 0; i < 6; ++i) {
      RecordFields fields = value_record(value);
      fields.producer = ProducerMark{.id = {.high = 3, .low = 4}, .number = ProducerNumber(i)};
      if (!log.append(topic, std::vector{fields})) throw std::runtime_error("no append");
    }
  }

  static void append(LogClient& log, TopicId topic, int i) {
    const std::string value(3800, static_cast<char>('a' + i % 26));  // dense: never packed
    const std::string key = "key " + std::to_string(i % 7);
    const std::string once = "once " + std::to_string(i);
    const std::vector<Header> headers{
        {.name = "colour", .value = as_bytes(i % 2 ? "red" : "blue")}};
    const std::vector<std::byte> encoded = *encode_headers(headers);
    RecordFields fields = value_record(value, key);
    fields.headers = encoded;
    if (i % 3 == 0) fields.idempotency_key = as_bytes(once);
    if (i % 3 == 1) {
      fields.producer = ProducerMark{.id = {.high = 1, .low = 2},
                                     .number = ProducerNumber(static_cast<std::uint64_t>(i))};
    }
    if (!log.append(topic, std::vector{fields})) throw std::runtime_error("no append");
  }

  TempDirectory directory_;
};

inline log_tools::VerifyReport verify_path(const Path& path,
                                           log_tools::Depth depth = log_tools::Depth::kBlocks) {
  const auto inventory = log_tools::take_inventory(path);
  if (!inventory) throw std::runtime_error(inventory.error().message);
  const auto report = log_tools::verify(*inventory, {.depth = depth, .jobs = 2});
  if (!report) throw std::runtime_error(report.error().message);
  return *report;
}

inline std::string to_text(const log_tools::VerifyReport& report) {
  std::string text;
  for (const log_tools::Finding& finding : report.findings) {
    text += std::string(name_of(finding.verdict)) + " " + finding.file.string() + " " +
            finding.what + "\n";
  }
  return text;
}

}  // namespace bimip::testing
