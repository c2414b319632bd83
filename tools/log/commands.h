// The offline commands that only look: what `bimip log stat|verify|dump` do with their arguments.
// Guide: docs/guides/offline.md.
#pragma once

#include "tools/log/console.h"
#include "tools/log/dump.h"
#include "tools/log/segment_check.h"

namespace bimip::log_tools {

enum class Detail : std::uint8_t { kPartitions, kSegments };

struct StatArguments {
  Path path{};
  Format format = Format::kText;
  Detail detail = Detail::kPartitions;
  Holding holding = Holding::kHeld;
};
[[nodiscard]] Exit run_stat(const StatArguments& arguments, const Console& console);

struct VerifyArguments {
  Path path{};
  Format format = Format::kText;
  Depth depth = Depth::kBlocks;
  Holding holding = Holding::kHeld;
  unsigned jobs = 1;
};
[[nodiscard]] Exit run_verify(const VerifyArguments& arguments, const Console& console);

struct DumpArguments {
  Path path{};
  Format format = Format::kText;
  RecordFilter filter{};
  std::optional<std::uint64_t> count_max{};
  StanzaOf stanza_of{};  // none: values are shown as they are
  Holding holding = Holding::kHeld;
};
[[nodiscard]] Exit run_dump(const DumpArguments& arguments, const Console& console);

struct LayoutArguments {
  Path path{};
  Format format = Format::kText;
  std::optional<BlockNumber> block{};  // only this one, field by field
  Holding holding = Holding::kHeld;
};
[[nodiscard]] Exit run_layout(const LayoutArguments& arguments, const Console& console);

}  // namespace bimip::log_tools
