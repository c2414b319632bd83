// What a connection is told that is not let in.
#pragma once

#include <string>
#include <string_view>

namespace bimip::frontend {

// Each in the words of what is spoken on the port: why, and to come back after one to two times
// limits::kComeBackAfter, drawn anew for each.
[[nodiscard]] std::string refusal_in_stanzas(std::string_view why);
[[nodiscard]] std::string refusal_in_http(std::string_view why);

}  // namespace bimip::frontend
