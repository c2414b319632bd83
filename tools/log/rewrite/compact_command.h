// What `bimip log compact` does with its arguments.
#pragma once

#include <optional>
#include <string>

#include "tools/log/console.h"
#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

struct CompactArguments {
  Path path{};
  std::optional<Path> to{};
  InPlace replace = InPlace::kNo;
  std::string topic{};  // only this one; empty: all, or the one that the path is
  Format format = Format::kText;
  Effect effect = Effect::kWrite;
  unsigned jobs = 1;
};
[[nodiscard]] Exit run_compact(const CompactArguments& arguments, const Console& console);

}  // namespace bimip::log_tools
