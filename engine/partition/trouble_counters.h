// What went wrong in a store since it was opened, counted.
#pragma once

#include <atomic>
#include <cstdint>

namespace bimip::engine {

// Thread-safe.
struct TroubleCounters {
  std::atomic<std::uint64_t> degraded{0};  // partitions that began to refuse writes
  std::atomic<std::uint64_t> reopened{0};  // partitions that came back
  std::atomic<std::uint64_t> reopen_failures{0};
  std::atomic<std::uint64_t> shortages{0};  // no space or no descriptor; asked for again by itself
  // Records that were held until their time, and could not be read any more when it had come.
  std::atomic<std::uint64_t> held_lost{0};
};

}  // namespace bimip::engine
