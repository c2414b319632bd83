// Stanzas in Protobuf's JSON mapping.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"

namespace bimip::frontend {

// The bytes of the Stanza that a JSON text says, or why it says none. Members that the stanzas do
// not know are ignored, as unknown fields of the binary form are.
[[nodiscard]] std::expected<std::string, std::string> stanza_from_json(std::string_view json);
// The other way. `stanza` holds one.
[[nodiscard]] std::string json_from_stanza(engine::Bytes stanza);

}  // namespace bimip::frontend
