// Runs an offline command and keeps what it says.
#pragma once

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "tools/log/commands.h"

namespace bimip::testing {

namespace log_tools = bimip::log_tools;

struct Ran {
  log_tools::Exit exit = log_tools::Exit::kCannotRun;
  std::string out;
  std::string err;

  [[nodiscard]] std::vector<nlohmann::json> lines() const {
    std::vector<nlohmann::json> all;
    std::istringstream in(out);
    for (std::string line; std::getline(in, line);) all.push_back(nlohmann::json::parse(line));
    return all;
  }
};

template <typename Arguments>
Ran run(log_tools::Exit (*command)(const Arguments&, const log_tools::Console&),
        const std::type_identity_t<Arguments>& arguments) {
  Ran ran;
  ran.exit = command(arguments, {.out =
                                     [&](std::string_view text) {
                                       ran.out += text;
                                       return true;
                                     },
                                 .err = [&](std::string_view text) { ran.err += text; }});
  return ran;
}

}  // namespace bimip::testing
