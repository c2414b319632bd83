// What the simulated device, its files and its queues share: names, power, faults, space, dice.
#pragma once

#include <cstdint>
#include <limits>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/device/sim_device.h"
#include "engine/device/sim_names.h"

namespace bimip::engine {

// Every member is used under `mutex`; every method expects it held. Outlives the files and queues
// that share it.
class SimDisk {
 public:
  explicit SimDisk(std::uint64_t seed) : random(seed) {}

  std::mutex mutex;
  SimNames names;
  Random random;
  std::set<std::string> locks;

  // Fails with kIo once the power is gone.
  [[nodiscard]] Status powered() const;
  // The number of a mutating call, to be followed by its effect and end_step(): when the power goes
  // during the step, its effect is recorded like any volatile one and end_step() fails.
  [[nodiscard]] Result<std::uint64_t> begin_step();
  [[nodiscard]] Status end_step() const { return powered(); }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  void crash_at(std::uint64_t step) { crash_at_ = step; }
  void crash() { power_is_on_ = false; }

  void add_fault(SimFault fault) { faults_.push_back(std::move(fault)); }
  void clear_faults() { faults_.clear(); }
  // Fails when a fault was set on this call, and counts it off.
  [[nodiscard]] Status check_faults(SimOperation operation, const Path& path);

  void set_capacity(std::uint64_t bytes) { capacity_ = bytes; }
  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }
  [[nodiscard]] std::uint64_t free_bytes() const;
  // Fails with kNoSpace when a file cannot grow this far.
  [[nodiscard]] Status check_space(const Path& path, const SimNode& file, std::uint64_t size) const;

 private:
  static constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 50;

  bool power_is_on_ = true;
  std::uint64_t steps_ = 0;
  std::uint64_t crash_at_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t capacity_ = kUnlimited;
  std::vector<SimFault> faults_;
};

}  // namespace bimip::engine
