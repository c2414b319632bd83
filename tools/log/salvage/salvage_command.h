// What `bimip log salvage` does with its arguments. Guide: docs/guides/recover.md.
#pragma once

#include <optional>

#include "tools/log/console.h"
#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

struct SalvageArguments {
  Path path{};
  std::optional<Path> to{};
  std::optional<Path> report{};  // JSON goes here too
  Format format = Format::kText;
  Effect effect = Effect::kWrite;
  unsigned jobs = 1;
};
[[nodiscard]] Exit run_salvage(const SalvageArguments& arguments, const Console& console);

}  // namespace bimip::log_tools
