// What the simulated device, its files and its queues share: names, power, faults, space, dice.
#pragma once

#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/thread_annotations.h"
#include "engine/device/sim_device.h"
#include "engine/device/sim_names.h"

namespace bimip::engine {

// Thread-safe under its own `mutex`, which its users hold around what belongs together. Outlives
// the files and queues that share it.
class SimDisk {
 public:
  explicit SimDisk(std::uint64_t seed) : random(seed) {}

  Mutex mutex;
  SimNames names GUARDED_BY(mutex);
  Random random GUARDED_BY(mutex);
  std::set<std::string> locks GUARDED_BY(mutex);

  // Fails with kIo once the power is gone.
  [[nodiscard]] Status powered() const REQUIRES(mutex);
  // The number of a mutating call, to be followed by its effect and end_step(): when the power goes
  // during the step, its effect is recorded like any volatile one and end_step() fails.
  [[nodiscard]] Result<std::uint64_t> begin_step() REQUIRES(mutex);
  [[nodiscard]] Status end_step() const REQUIRES(mutex) { return powered(); }
  [[nodiscard]] std::uint64_t steps() const REQUIRES(mutex) { return steps_; }
  void crash_at(std::uint64_t step) REQUIRES(mutex) { crash_at_ = step; }
  void crash() REQUIRES(mutex) { power_is_on_ = false; }

  void add_fault(SimFault fault) REQUIRES(mutex) { faults_.push_back(std::move(fault)); }
  void clear_faults() REQUIRES(mutex) { faults_.clear(); }
  // Fails when a fault was set on this call, and counts it off.
  [[nodiscard]] Status check_faults(SimOperation operation, const Path& path) REQUIRES(mutex);

  void set_capacity(std::uint64_t bytes) REQUIRES(mutex) { capacity_ = bytes; }
  [[nodiscard]] std::uint64_t capacity() const REQUIRES(mutex) { return capacity_; }
  [[nodiscard]] std::uint64_t free_bytes() const REQUIRES(mutex);
  // Fails with kNoSpace when a file cannot grow this far.
  [[nodiscard]] Status check_space(const Path& path, const SimNode& file, std::uint64_t size) const
      REQUIRES(mutex);

 private:
  static constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 50;

  bool power_is_on_ GUARDED_BY(mutex) = true;
  std::uint64_t steps_ GUARDED_BY(mutex) = 0;
  std::uint64_t crash_at_ GUARDED_BY(mutex) = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t capacity_ GUARDED_BY(mutex) = kUnlimited;
  std::vector<SimFault> faults_ GUARDED_BY(mutex);
};

}  // namespace bimip::engine
