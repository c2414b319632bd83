#include "frontend/services/offers/offer_record.h"

#include "bimip/v1/offer.pb.h"

namespace bimip::frontend {

using engine::Timestamp;

namespace {

Timestamp time_of(std::int64_t micros) { return Timestamp(std::chrono::microseconds(micros)); }

}  // namespace

v1::Offer wire_of(const Offer& offer) {
  v1::Offer wire;
  wire.set_from(offer.key.from);
  wire.set_offer_id(offer.key.id);
  wire.set_from_device(offer.from_device);
  wire.set_to(offer.to);
  wire.set_kind(offer.kind);
  wire.set_description(offer.description);
  wire.set_answer(offer.answer);
  wire.set_state(static_cast<v1::OfferState>(offer.state));
  wire.set_to_device(offer.to_device);
  wire.set_reason(offer.reason);
  wire.set_proposed_at_us(offer.proposed_at.time_since_epoch().count());
  wire.set_changed_at_us(offer.changed_at.time_since_epoch().count());
  wire.set_expires_at_us(offer.expires_at.time_since_epoch().count());
  wire.set_version(offer.version);
  wire.set_noted(offer.is_noted);
  wire.set_to_session(offer.to_session);
  wire.set_ended_by(offer.ended_by);
  wire.set_ended_by_device(offer.ended_by_device);
  return wire;
}

std::string record_key_of(const OfferKey& key) {
  return std::to_string(key.from.size()) + ":" + key.from + key.id;
}

std::optional<Offer> parse_offer(std::string_view value) {
  v1::Offer wire;
  if (!wire.ParseFromArray(value.data(), static_cast<int>(value.size()))) return std::nullopt;
  if (wire.state() < v1::OFFER_STATE_PROPOSED || wire.state() > v1::OFFER_STATE_ENDED ||
      wire.version() == 0)
    return std::nullopt;
  return Offer{.key = {.from = wire.from(), .id = wire.offer_id()},
               .from_device = wire.from_device(),
               .to = wire.to(),
               .kind = wire.kind(),
               .description = wire.description(),
               .answer = wire.answer(),
               .state = static_cast<OfferState>(wire.state()),
               .to_device = wire.to_device(),
               .to_session = wire.to_session(),
               .reason = wire.reason(),
               .ended_by = wire.ended_by(),
               .ended_by_device = wire.ended_by_device(),
               .proposed_at = time_of(wire.proposed_at_us()),
               .changed_at = time_of(wire.changed_at_us()),
               .expires_at = time_of(wire.expires_at_us()),
               .version = wire.version(),
               .is_noted = wire.noted()};
}

}  // namespace bimip::frontend
