// Names of the categories an entity has inboxes in.
#pragma once

#include <algorithm>
#include <string_view>

#include "frontend/stanza/limits.h"

namespace bimip::frontend {

// Lower-case letters, digits and hyphens, at most 32.
[[nodiscard]] inline bool is_category_name(std::string_view name) {
  return !name.empty() && name.size() <= limits::kCategoryBytesMax &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

}  // namespace bimip::frontend
