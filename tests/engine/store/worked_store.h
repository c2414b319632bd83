// A store on a simulated device whose time passes when the test says so.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "engine/device/sim_device.h"
#include "engine/format/file_names.h"
#include "engine/format/manifest.h"
#include "engine/store/store.h"
#include "tests/support/log_client.h"
#include "tests/support/manual_clock.h"

namespace bimip::testing {

// Owner-thread only.
class WorkedStore {
 public:
  explicit WorkedStore(SimDevice& device, std::uint64_t free_space_floor = 0,
                       std::size_t entities_in_memory_max = limits::kEntitiesInMemoryMax)
      : device_(device),
        free_space_floor_(free_space_floor),
        entities_in_memory_max_(entities_in_memory_max) {
    open();
  }

  void open() {
    Result<std::unique_ptr<Store>> store =
        Store::open({.directory = "data",
                     .free_space_floor = free_space_floor_,
                     .entities_in_memory_max = entities_in_memory_max_,
                     .rewrite_bytes_per_second = 0,
                     .device = &device_,
                     .clock = &clock_,
                     .threading = Threading::kManual});
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
  }
  void close() { store_.reset(); }
  void reopen() {
    close();
    open();
  }

  [[nodiscard]] Store& store() { return *store_; }
  [[nodiscard]] ManualClock& clock() { return clock_; }
  [[nodiscard]] LogClient client() {
    return LogClient(*store_, [this] { store_->step(); });
  }
  TopicId topic(const TopicConfig& config, std::string_view name = "t") {
    const Result<TopicInfo> made = store_->create_topic(name, config);
    EXPECT_TRUE(made) << made.error().message;
    return made ? made->id : TopicId(0);
  }
  void append(TopicId topic, std::string_view value, std::string_view key = {}) {
    const auto appended = client().append(topic, {value_record(value, key)});
    ASSERT_TRUE(appended) << appended.error().message;
  }

  // Lets time pass and the store work until nothing is left to do.
  void work(std::chrono::milliseconds time = std::chrono::seconds(10)) {
    constexpr std::chrono::milliseconds kStep{250};
    for (std::chrono::milliseconds passed{0}; passed < time; passed += kStep) {
      clock_.pass(kStep);
      for (int idle = 0; idle < 4;) idle = store_->step() ? 0 : idle + 1;
    }
  }

  // The manifest of a topic's first partition, as it is on the device.
  [[nodiscard]] Manifest manifest(TopicId topic, const std::string& name = "t") {
    const SegmentIdentity partition{
        .store = store_->report().store, .topic = topic, .partition = PartitionId(0), .epoch = {}};
    const auto bytes = device_.contents(folder(name) + "/manifest");
    EXPECT_TRUE(bytes);
    Result<Manifest> manifest = decode_manifest(partition, *bytes);
    EXPECT_TRUE(manifest) << manifest.error().message;
    return *manifest;
  }
  [[nodiscard]] std::vector<ManifestSegment> sealed(TopicId topic, const std::string& name = "t") {
    std::vector<ManifestSegment> segments = manifest(topic, name).segments;
    std::erase_if(segments,
                  [](const ManifestSegment& s) { return s.state != SegmentState::kSealed; });
    return segments;
  }
  [[nodiscard]] static std::string folder(const std::string& name = "t") {
    return "data/topics/" + name + "/0";
  }
  [[nodiscard]] std::vector<std::string> files(const std::string& name = "t") {
    std::vector<std::string> found;
    const std::string before = folder(name) + "/";
    for (const std::string& file : device_.files()) {
      const std::string path = file.starts_with('/') ? file.substr(1) : file;
      if (path.starts_with(before)) found.push_back(path.substr(before.size()));
    }
    return found;
  }

 private:
  SimDevice& device_;
  const std::uint64_t free_space_floor_;
  const std::size_t entities_in_memory_max_;
  ManualClock clock_;
  std::unique_ptr<Store> store_;
};

}  // namespace bimip::testing
