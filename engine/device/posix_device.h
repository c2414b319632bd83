// The portable device: plain system calls, for machines that refuse io_uring.
#pragma once

#include <memory>

#include "engine/device/device.h"

namespace bimip::engine {

// Keeps every promise of the seam; commits go through a few threads of each write queue.
std::unique_ptr<Device> make_posix_device();

}  // namespace bimip::engine
