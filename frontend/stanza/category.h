// Names of the categories an entity has inboxes in.
#pragma once

#include <algorithm>
#include <array>
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

// Every server has them, and needs no word of them in its configuration; the last two it alone
// writes.
inline constexpr std::array<std::string_view, 5> kCategoriesOfAll{"chat", "notification", "control",
                                                                  "sent", "receipt"};
[[nodiscard]] inline bool is_category_of_all(std::string_view name) {
  return std::ranges::find(kCategoriesOfAll, name) != kCategoriesOfAll.end();
}

}  // namespace bimip::frontend
