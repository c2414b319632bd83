// Where a command may write, and when it may not.
#pragma once

#include "engine/device/device.h"
#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

// Both as the file system has them; a folder lies in itself.
[[nodiscard]] bool lies_in(const Path& path, const Path& folder);
// The folder is missing or empty, and neither lies in the other. kInvalidArgument with a sentence.
[[nodiscard]] Status check_output_folder(const Path& output, const Path& input);

// Makes the folder and those above it that are missing; their names are durable.
[[nodiscard]] Status make_folders(Device& device, const Path& folder);

}  // namespace bimip::log_tools
