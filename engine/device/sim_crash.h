// Decides, for one image of a simulated crash, which of the volatile changes survive.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/random.h"
#include "engine/device/sim_device.h"

namespace bimip::engine {

// What disks promise to write whole, and what many do.
inline constexpr std::uint64_t kSimSectorBytes = 512;

// The same mode, seed and questions give the same answers. Thread-compatible.
class SimCrash {
 public:
  // `steps`: when each volatile write and name change was issued, in any order.
  SimCrash(LossMode mode, std::uint64_t seed, std::vector<std::uint64_t> steps);

  // Of `count` changes of a file's size in the order they were made, how many survive: one inode
  // holds them all, so a later one never survives an earlier one that is lost.
  [[nodiscard]] std::size_t sizes_that_survive(std::size_t count);
  // Which sectors survive of a write issued at `step` over `sectors` sectors from `first_sector`.
  [[nodiscard]] std::vector<bool> sectors_that_survive(std::uint64_t step,
                                                       std::uint64_t first_sector,
                                                       std::size_t sectors);
  [[nodiscard]] bool name_survives(std::uint64_t step);
  // Whether a lost sector in space the lost write itself had taken shows what was there in another
  // file's time.
  [[nodiscard]] bool shows_garbage();
  [[nodiscard]] std::byte garbage() { return static_cast<std::byte>(random_.next()); }

 private:
  [[nodiscard]] std::vector<bool> torn(std::uint64_t first_sector, std::size_t sectors,
                                       std::uint64_t sectors_per_part);

  const LossMode mode_;
  Random random_;
  std::uint64_t survives_from_ = 0;  // of kReordered: a step
};

}  // namespace bimip::engine
