// What a process on this machine uses, as the kernel tells.
#pragma once

#include <chrono>
#include <cstdint>

#include "engine/base/result.h"

namespace bimip::load {

struct ProcessUsage {
  std::uint64_t memory_bytes = 0;  // anonymous and resident: its own, without mapped files
  std::chrono::duration<double> processor{};
};

// kNotFound.
[[nodiscard]] engine::Result<ProcessUsage> usage_of(int process);

}  // namespace bimip::load
