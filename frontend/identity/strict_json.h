// JSON of which two readers cannot make different things.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace bimip::frontend {

// One object; nothing when it is no JSON, has a name twice in an object, or is nested deeper than a
// token or a key set is.
[[nodiscard]] std::optional<nlohmann::json> parse_strict_object(std::string_view text);

}  // namespace bimip::frontend
