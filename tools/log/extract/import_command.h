// What `bimip log import` does with its arguments.
#pragma once

#include <optional>

#include "tools/log/console.h"
#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

struct ImportArguments {
  Path path{};                         // what extract wrote
  Path into{};                         // a data directory that no server holds
  std::optional<std::string> topic{};  // another than the records were of
  Format format = Format::kText;
  Effect effect = Effect::kWrite;
};
// Appends the records behind those that are there, through the engine: they get offsets and times
// of their own. The same file again stores nothing again, for as long as producers are remembered.
[[nodiscard]] Exit run_import(const ImportArguments& arguments, const Console& console);

}  // namespace bimip::log_tools
