// The io_uring device: what the engine runs on where the kernel allows it.
#pragma once

#include <memory>
#include <string>

#include "engine/device/device.h"

namespace bimip::engine {

// kIo with the reason when this kernel, container or seccomp filter refuses io_uring.
Result<std::unique_ptr<Device>> make_uring_device();

// The io_uring device, or the portable one with the reason, one line, in `warning` (else left
// alone).
std::unique_ptr<Device> make_best_device(std::string* warning);

}  // namespace bimip::engine
