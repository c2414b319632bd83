#include "engine/device/sim_crash.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace bimip::engine {

std::string_view name_of(LossMode mode) {
  switch (mode) {
    case LossMode::kKeepAll:
      return "keep_all";
    case LossMode::kLoseUnsynced:
      return "lose_unsynced";
    case LossMode::kRandom:
      return "random";
    case LossMode::kTorn512:
      return "torn_512";
    case LossMode::kTorn4096:
      return "torn_4096";
    case LossMode::kReordered:
      return "reordered";
    case LossMode::kSizeBeforeData:
      return "size_before_data";
    case LossMode::kDataBeforeNames:
      return "data_before_names";
  }
  return "unknown";
}

SimCrash::SimCrash(LossMode mode, std::uint64_t seed, std::vector<std::uint64_t> steps)
    : mode_(mode), random_(seed) {
  if (steps.empty()) return;
  std::sort(steps.begin(), steps.end());
  // With two changes or more, the first is lost and the last survives.
  const std::size_t pivot =
      steps.size() == 1 ? 0 : 1 + static_cast<std::size_t>(random_.below(steps.size() - 1));
  survives_from_ = steps[pivot];
}

std::size_t SimCrash::sizes_that_survive(std::size_t count) {
  switch (mode_) {
    case LossMode::kLoseUnsynced:
      return 0;
    case LossMode::kRandom:
      return static_cast<std::size_t>(random_.below(count + 1));
    default:
      return count;
  }
}

std::vector<bool> SimCrash::sectors_that_survive(std::uint64_t step, std::uint64_t first_sector,
                                                 std::size_t sectors) {
  switch (mode_) {
    case LossMode::kKeepAll:
    case LossMode::kDataBeforeNames:
      return std::vector<bool>(sectors, true);
    case LossMode::kLoseUnsynced:
    case LossMode::kSizeBeforeData:
      return std::vector<bool>(sectors, false);
    case LossMode::kReordered:
      return std::vector<bool>(sectors, step >= survives_from_);
    case LossMode::kTorn512:
      return torn(first_sector, sectors, 1);
    case LossMode::kTorn4096:
      return torn(first_sector, sectors, 4096 / kSimSectorBytes);
    case LossMode::kRandom: {
      std::vector<bool> survive(sectors);
      for (auto&& sector : survive) sector = random_.one_in(2);
      return survive;
    }
  }
  BIMIP_ASSERT(false);
  return {};
}

// A head, a tail or a scatter of the write's parts. Parts lie at multiples of their size in the
// file, as the device's own sectors do.
std::vector<bool> SimCrash::torn(std::uint64_t first_sector, std::size_t sectors,
                                 std::uint64_t sectors_per_part) {
  const std::uint64_t first_part = first_sector / sectors_per_part;
  const std::uint64_t parts = (first_sector + sectors - 1) / sectors_per_part - first_part + 1;
  const std::uint64_t shape = random_.below(3);
  const std::uint64_t cut = random_.below(parts + 1);
  std::vector<bool> part_survives(parts);
  for (std::uint64_t part = 0; part < parts; ++part) {
    part_survives[part] = shape == 0 ? part < cut : shape == 1 ? part >= cut : random_.one_in(2);
  }
  std::vector<bool> survive(sectors);
  for (std::size_t i = 0; i < sectors; ++i) {
    survive[i] = part_survives[(first_sector + i) / sectors_per_part - first_part];
  }
  return survive;
}

bool SimCrash::name_survives(std::uint64_t step) {
  switch (mode_) {
    case LossMode::kLoseUnsynced:
    case LossMode::kDataBeforeNames:
      return false;
    case LossMode::kReordered:
      return step >= survives_from_;
    case LossMode::kRandom:
      return random_.one_in(2);
    default:
      return true;
  }
}

bool SimCrash::shows_garbage() { return mode_ == LossMode::kSizeBeforeData && random_.one_in(2); }

}  // namespace bimip::engine
