// An offer as it is stored, and as the wire has it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "frontend/services/offers/offer_rules.h"

namespace bimip::v1 {
class Offer;
}

namespace bimip::frontend {

[[nodiscard]] v1::Offer wire_of(const Offer& offer);
// The key of the record, which is no other offer's.
[[nodiscard]] std::string record_key_of(const OfferKey& key);
// Nothing: no offer as this program writes it.
[[nodiscard]] std::optional<Offer> parse_offer(std::string_view value);

}  // namespace bimip::frontend
