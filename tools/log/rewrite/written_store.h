// What the commands that write a store anew have in common.
#pragma once

#include <optional>
#include <string>

#include "tools/log/console.h"
#include "tools/log/rewrite/working_copy.h"
#include "tools/log/verify.h"

namespace bimip::log_tools {

// Exactly one of --to and --replace, unless nothing is to be written. kInvalidArgument.
[[nodiscard]] Status check_target(const std::optional<Path>& to, InPlace replace, Effect effect);

struct WholeStore {
  Inventory inventory{};
  std::string topic{};  // to be worked on alone; empty: all of them
};
// Of a data directory; or of a topic in one, which is then worked on alone. kInvalidArgument: PATH
// is less than a topic, or another one than --topic. kDamaged: no catalog that holds. kNotFound: no
// such topic. And as take_inventory().
[[nodiscard]] Result<WholeStore> take_whole_store(const Path& path, const std::string& topic);

// Whether the folder that a dry run names could be written to. As WorkingCopy::check.
[[nodiscard]] Status check_to(Device& device, const Inventory& store,
                              const std::optional<Path>& to);
// The copy that is worked on, while the console shows how far it is. As WorkingCopy::make.
[[nodiscard]] Result<WorkingCopy> copy_to_work_on(Device& device, const Inventory& store,
                                                  const std::optional<Path>& to,
                                                  const Console& console);

// Everything that `bimip log verify` finds in a store that was just written. kIo.
[[nodiscard]] Result<VerifyReport> verify_written(const Path& folder, unsigned jobs);

// Says what was found; the store stays as it was.
[[nodiscard]] Exit refuse_written(const VerifyReport& report, const Console& console);

}  // namespace bimip::log_tools
