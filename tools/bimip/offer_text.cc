#include "tools/bimip/offer_text.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "bimip/v1/offer.pb.h"
#include "tools/bimip/record_text.h"
#include "tools/log/text.h"

namespace bimip::tools {
namespace {

// OFFER_STATE_RINGING: "ringing".
std::string state_of(const v1::Offer& offer) {
  constexpr std::string_view kPrefix = "OFFER_STATE_";
  std::string name = v1::OfferState_Name(offer.state()).substr(kPrefix.size());
  std::ranges::transform(name, name.begin(),
                         [](char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

}  // namespace

std::string offer_line(const v1::Offer& offer) {
  const auto bytes = [](const std::string& text) {
    return log_tools::escaped(engine::as_bytes(text));
  };
  std::string line = bytes(offer.from()) + "\t" + bytes(offer.offer_id()) + "\t" + offer.kind() +
                     "\t" + bytes(offer.to()) + "\t" + state_of(offer) + "\t" +
                     bytes(offer.to_device()) + "\t" + bytes(offer.description()) + "\t" +
                     bytes(offer.answer());
  if (!offer.reason().empty()) line += "\t" + bytes(offer.reason());
  return line;
}

nlohmann::ordered_json offer_json(const v1::Offer& offer) {
  const auto time = [](std::int64_t micros) {
    return log_tools::time_text(engine::Timestamp(std::chrono::microseconds(micros)));
  };
  nlohmann::ordered_json line = {{"from", offer.from()},     {"offer_id", offer.offer_id()},
                                 {"kind", offer.kind()},     {"to", offer.to()},
                                 {"state", state_of(offer)}, {"version", offer.version()}};
  if (!offer.from_device().empty()) line["from_device"] = offer.from_device();
  if (!offer.to_device().empty()) line["to_device"] = offer.to_device();
  if (!offer.reason().empty()) line["reason"] = offer.reason();
  if (!offer.ended_by().empty()) line["ended_by"] = offer.ended_by();
  if (!offer.ended_by_device().empty()) line["ended_by_device"] = offer.ended_by_device();
  line["proposed_at"] = time(offer.proposed_at_us());
  line["changed_at"] = time(offer.changed_at_us());
  line["expires_at"] = time(offer.expires_at_us());
  put_bytes(line, "description", offer.description());
  if (!offer.answer().empty()) put_bytes(line, "answer", offer.answer());
  return line;
}

}  // namespace bimip::tools
