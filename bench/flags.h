// The command line of a program that measures.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>

namespace bimip::bench {

// How the program ends when it ends here: 0 after --help, 2 after a wrong flag. Nothing: it goes
// on.
inline std::optional<int> parse(CLI::App& flags, int argc, char** argv) {
  try {
    flags.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& end) {
    return flags.exit(end) == 0 ? 0 : 2;
  }
}

}  // namespace bimip::bench
