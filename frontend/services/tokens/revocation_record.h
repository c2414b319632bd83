// A revocation as the value of a record: bimip.v1.RevocationRecord.
#pragma once

#include <optional>
#include <string>

#include "engine/base/bytes.h"
#include "frontend/services/tokens/revocations.h"

namespace bimip::frontend {

[[nodiscard]] std::string encode(const Revocation& revocation);
// Nothing when the bytes are none.
[[nodiscard]] std::optional<Revocation> decode_revocation(engine::Bytes value);

}  // namespace bimip::frontend
