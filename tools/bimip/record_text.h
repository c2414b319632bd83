// Records that a server delivered, for people and programs.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace bimip::v1 {
class DeliveredRecord;
}

namespace bimip::tools {

// Adds text as it is; other bytes as base64 under NAME_base64.
void put_bytes(nlohmann::ordered_json& into, const std::string& name, const std::string& bytes);

// One object, and a newline.
[[nodiscard]] std::string json_line(const std::string& topic, std::uint32_t partition,
                                    const v1::DeliveredRecord& record);

}  // namespace bimip::tools
