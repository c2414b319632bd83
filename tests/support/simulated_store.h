// A store on a simulated device, driven step by step: the same calls give the same run.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

#include "engine/device/sim_device.h"
#include "engine/store/store.h"
#include "tests/support/log_client.h"
#include "tests/support/manual_clock.h"

namespace bimip::testing {

class PendingReopen final : public ReopenRequest {
 public:
  void on_reopened(Status result) override { result_ = std::move(result); }
  [[nodiscard]] const std::optional<Status>& result() const { return result_; }

 private:
  std::optional<Status> result_;
};

class SimulatedStore {
 public:
  explicit SimulatedStore(std::uint64_t seed = 1)
      : SimulatedStore(std::make_unique<SimDevice>(seed)) {}
  explicit SimulatedStore(std::unique_ptr<SimDevice> device, std::uint64_t free_space_floor = 0)
      : device_(std::move(device)), floor_(free_space_floor) {
    open();
  }

  void open() {
    Result<std::unique_ptr<Store>> opened = Store::open({.directory = "/data",
                                                         .free_space_floor = floor_,
                                                         .scrub = scrub,
                                                         .device = device_.get(),
                                                         .clock = &clock_,
                                                         .threading = Threading::kManual});
    if (!opened) throw std::runtime_error(opened.error().message);
    store_ = std::move(*opened);
    client_.emplace(*store_, [this] { step(); });
  }
  void close() { store_.reset(); }

  ScrubOptions scrub{};  // from the next open() on

  // Power goes, and comes back over what this mode leaves.
  void lose_power(LossMode mode, std::uint64_t seed) {
    device_->crash();
    auto after = device_->image(mode, seed);
    store_.reset();
    device_ = std::move(after);
    open();
  }

  void step() {
    store_->step();
    clock_.pass(std::chrono::milliseconds(1));
  }
  void pass(std::chrono::milliseconds time) {
    for (std::chrono::milliseconds done{0}; done < time; done += std::chrono::milliseconds(50)) {
      clock_.pass(std::chrono::milliseconds(50));
      for (int i = 0; i < 4; ++i) store_->step();
    }
  }

  Status reopen(TopicId topic, PartitionId partition = PartitionId(0)) {
    PendingReopen request;
    request.topic = topic;
    request.partition = partition;
    store_->reopen(request);
    while (!request.result()) step();
    return *request.result();
  }

  [[nodiscard]] SimDevice& device() { return *device_; }
  [[nodiscard]] Store& store() { return *store_; }
  [[nodiscard]] LogClient& log() { return *client_; }
  [[nodiscard]] ManualClock& clock() { return clock_; }

 private:
  ManualClock clock_;
  std::unique_ptr<SimDevice> device_;
  const std::uint64_t floor_;
  std::unique_ptr<Store> store_;
  std::optional<LogClient> client_;
};

}  // namespace bimip::testing
