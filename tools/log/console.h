// What an offline command is run with and what it answers.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "tools/log/words.h"

namespace bimip::log_tools {

enum class Exit : std::uint8_t {
  kClean = 0,      // done, nothing is damaged, lost or different
  kDamage = 1,     // done, damage, a loss or a difference was found
  kCannotRun = 2,  // no such path, no store, held by a server, a file that cannot be read
};

enum class Format : std::uint8_t { kText, kJson, kRaw };
enum class Effect : std::uint8_t {
  kWrite,
  kDryRun,  // says what it would do
};

// Whether what is written takes the place of what was read.
enum class InPlace : std::uint8_t { kNo, kYes };

// Where a command writes.
struct Console {
  // False when nobody reads any more: the command ends, quietly.
  std::function<bool(std::string_view)> out;
  std::function<void(std::string_view)> err;
  std::function<void(std::string_view)> progress{};  // one line, drawn over the one before; or none
};

// Says why.
[[nodiscard]] Exit cannot_run(const Error& error, const Console& console);

}  // namespace bimip::log_tools
