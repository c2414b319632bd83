// What the commands that write a store anew have in common.
#pragma once

#include <optional>

#include "tools/log/console.h"
#include "tools/log/rewrite/working_copy.h"
#include "tools/log/verify.h"

namespace bimip::log_tools {

// Exactly one of --to and --replace, unless nothing is to be written. kInvalidArgument.
[[nodiscard]] Status check_target(const std::optional<Path>& to, InPlace replace, Effect effect);

// The copy that is worked on, while the console shows how far it is. As WorkingCopy::make.
[[nodiscard]] Result<WorkingCopy> copy_to_work_on(Device& device, const Inventory& store,
                                                  const std::optional<Path>& to,
                                                  const Console& console);

// Everything that `bimip log verify` finds in a store that was just written. kIo.
[[nodiscard]] Result<VerifyReport> verify_written(const Path& folder, unsigned jobs);

// Says what was found; the store stays as it was.
[[nodiscard]] Exit refuse_written(const VerifyReport& report, const Console& console);

}  // namespace bimip::log_tools
