// What every write queue expects of the operations it is given.
#pragma once

#include "engine/device/device.h"

namespace bimip::engine {

// Aborts when a write is empty, or not aligned in the file and in memory: direct I/O would refuse
// it on one file system and take it on the next.
void expect_well_formed(const DeviceOperation& operation);

// The longest a poll() really waits, so that "for ever" can be added to the time of day.
inline constexpr std::chrono::microseconds kPollWaitMax = std::chrono::hours(24);

}  // namespace bimip::engine
