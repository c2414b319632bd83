// What an offline tool found and an operator should know.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

enum class Verdict : std::uint8_t {
  kDamage,  // bytes are not what was written, or files contradict each other
  kTorn,    // an unclean stop cut a write short; nothing that was acknowledged as durable
  kNote,    // nothing is wrong with what is stored
};
std::string_view name_of(Verdict verdict);  // "damage", "torn", "note"

struct Finding {
  Verdict verdict = Verdict::kDamage;
  Path file{};
  std::string topic{};  // empty when it is of no topic, or its name is not known
  std::optional<PartitionId> partition{};
  std::optional<FilePosition> from{};  // bytes [from, end) of the file, when they are known
  std::optional<FilePosition> end{};
  OffsetRange offsets{};  // that cannot be read; empty when none
  std::string what{};
  std::string next{};  // what to do
};

}  // namespace bimip::log_tools
