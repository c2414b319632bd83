// What `bimip log diff` does with its arguments.
#pragma once

#include "tools/log/console.h"
#include "tools/log/store_hold.h"

namespace bimip::log_tools {

struct DiffArguments {
  Path first{};
  Path second{};
  Holding holding = Holding::kHeld;  // of both
  Format format = Format::kText;
  unsigned jobs = 1;
};
[[nodiscard]] Exit run_diff(const DiffArguments& arguments, const Console& console);

}  // namespace bimip::log_tools
