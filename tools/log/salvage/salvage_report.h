// What a salvage says to people and to programs. The schema: docs/guides/offline.md.
#pragma once

#include "tools/log/report_text.h"
#include "tools/log/salvage/salvage.h"

namespace bimip::log_tools {

[[nodiscard]] std::string salvage_text(const SalvageReport& report);
[[nodiscard]] Json salvage_json(const SalvageReport& report);

}  // namespace bimip::log_tools
