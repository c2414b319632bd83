// Offers as they are shown.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace bimip::v1 {
class Offer;
}

namespace bimip::tools {

// Who made it, its id, its kind, to whom, its state, the device, description, answer; tabs between.
[[nodiscard]] std::string offer_line(const v1::Offer& offer);
[[nodiscard]] nlohmann::ordered_json offer_json(const v1::Offer& offer);

}  // namespace bimip::tools
