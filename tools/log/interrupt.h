// Ctrl-C in the midst of writing: the command ends as if the disk had become full, and so takes
// away what it wrote. One that has written nothing ends at once.
#pragma once

#include <memory>
#include <optional>

#include "engine/device/device.h"
#include "tools/log/words.h"

namespace bimip::log_tools {

// From now on, for the process: of SIGINT, SIGTERM and SIGHUP the first is kept while an output
// device has written something; the next one ends the process.
void catch_interrupts();
// The signal that was kept.
[[nodiscard]] std::optional<int> interrupted_by();

// The machine's own file system. Once the process is interrupted, what makes a file or writes to
// one fails with kIo.
[[nodiscard]] std::unique_ptr<Device> make_output_device();

}  // namespace bimip::log_tools
