// What `bimip log reindex` does with its arguments.
#pragma once

#include <optional>

#include "tools/log/console.h"
#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

struct ReindexArguments {
  Path path{};
  std::optional<Path> to{};
  InPlace replace = InPlace::kNo;
  Format format = Format::kText;
  Effect effect = Effect::kWrite;
  unsigned jobs = 1;
};
[[nodiscard]] Exit run_reindex(const ReindexArguments& arguments, const Console& console);

}  // namespace bimip::log_tools
