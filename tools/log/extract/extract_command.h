// What `bimip log extract` does with its arguments.
#pragma once

#include "tools/log/console.h"
#include "tools/log/dump.h"

namespace bimip::log_tools {

struct ExtractArguments {
  Path path{};  // a topic, a partition or a segment
  std::optional<Path> out{};
  RecordFilter filter{};
  std::optional<std::uint64_t> count_max{};
  Holding holding = Holding::kHeld;
  Format format = Format::kText;
  Effect effect = Effect::kWrite;
};
[[nodiscard]] Exit run_extract(const ExtractArguments& arguments, const Console& console);

}  // namespace bimip::log_tools
