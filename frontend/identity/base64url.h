// base64url without padding (RFC 4648, section 5), as JOSE writes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bimip::frontend {

[[nodiscard]] std::string to_base64url(std::string_view bytes);
// Only the one text that to_base64url makes of the bytes: no padding, no other alphabet, no stray
// bits.
[[nodiscard]] std::optional<std::string> from_base64url(std::string_view text);

}  // namespace bimip::frontend
