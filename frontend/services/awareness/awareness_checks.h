// What a client may say of itself: every number and every length. Pure.
#pragma once

#include <string>
#include <string_view>

#include "frontend/services/awareness/awareness_types.h"

namespace bimip::frontend {

// What is wrong with it, naming the field; empty: nothing.
[[nodiscard]] std::string fault_of(const Position& position);
[[nodiscard]] std::string fault_of(const SystemFacts& facts);
[[nodiscard]] std::string fault_of(const Activity& activity);
[[nodiscard]] std::string fault_of_text(std::string_view text);
[[nodiscard]] std::string fault_of_eid(std::string_view eid);

}  // namespace bimip::frontend
