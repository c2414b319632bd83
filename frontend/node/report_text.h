// What opening a store found, in words.
#pragma once

#include <string>
#include <vector>

#include "engine/store/store.h"

namespace bimip::frontend {

// A line each: what was opened, then only what is worth knowing: bytes that were cut off and where
// they are, records that cannot be read, derived files that were made anew.
[[nodiscard]] std::vector<std::string> report_lines(const engine::StoreReport& report,
                                                    const std::vector<engine::TopicInfo>& topics);

// What the check of sealed segments found.
[[nodiscard]] std::string finding_line(const engine::ScrubFinding& finding);

}  // namespace bimip::frontend
