// What `bimip log erase` does with its arguments.
#pragma once

#include <optional>
#include <string>

#include "tools/log/console.h"
#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

struct EraseArguments {
  Path path{};
  std::string topic{};
  std::string key{};
  std::optional<Path> to{};
  InPlace replace = InPlace::kNo;
  Format format = Format::kText;
  Effect effect = Effect::kWrite;
  unsigned jobs = 1;
};
[[nodiscard]] Exit run_erase(const EraseArguments& arguments, const Console& console);

}  // namespace bimip::log_tools
