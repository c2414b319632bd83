// The flags that say which records are meant.
#pragma once

#include <memory>
#include <vector>

#include "tools/log/dump.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace bimip::tools {

struct RecordFlags {
  std::optional<std::uint64_t> from{};
  std::optional<std::uint64_t> to{};
  std::string since{};
  std::string until{};
  std::string key{};
  bool has_key = false;
  std::vector<std::string> headers{};
  std::optional<std::uint64_t> count_max{};
};

// CLI11 takes "-1" for the largest number there is.
CLI::Option* add_number(CLI::App& command, const char* name, std::optional<std::uint64_t>& into,
                        const char* what);
// The options, as they are on the command line; `flags` lives as long as the command.
std::vector<CLI::Option*> add_record_flags(CLI::App& command, RecordFlags& flags);
// As a wrong value is refused, with the option's name in front.
log_tools::RecordFilter filter_of(const RecordFlags& flags);

}  // namespace bimip::tools
