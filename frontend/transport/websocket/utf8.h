// Whether bytes are text.
#pragma once

#include <string_view>

namespace bimip::frontend {

// UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace bimip::frontend
