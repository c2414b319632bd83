#include "frontend/services/offers/offer_rules.h"

#include <utility>

#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::Timestamp;

bool is_over(OfferState state) { return state > OfferState::kAccepted; }

std::string_view name_of(OfferState state) {
  switch (state) {
    case OfferState::kProposed:
      return "proposed";
    case OfferState::kRinging:
      return "ringing";
    case OfferState::kAccepted:
      return "accepted";
    case OfferState::kRejected:
      return "rejected";
    case OfferState::kCancelled:
      return "cancelled";
    case OfferState::kExpired:
      return "expired";
    case OfferState::kEnded:
      return "ended";
  }
  std::unreachable();
}

bool is_missed(const Offer& offer) {
  return offer.state == OfferState::kExpired || offer.state == OfferState::kCancelled;
}

namespace {

using Decision = std::expected<Offer, OfferRefusal>;

enum class Side : std::uint8_t { kFrom, kTo };

Offer changed(const Offer& offer, OfferState state, Timestamp now) {
  Offer after = offer;
  after.state = state;
  after.changed_at = now;
  ++after.version;
  return after;
}

std::unexpected<OfferRefusal> not_yours(const Offer& offer, Side whose) {
  return std::unexpected(OfferRefusal{
      .code = Code::kPermissionDenied,
      .why = "that is for '" + (whose == Side::kFrom ? offer.key.from : offer.to) + "' to do"});
}

// " by device 'phone'"; empty: time did.
std::string who_brought(const Offer& offer) {
  if (offer.state == OfferState::kCancelled || offer.state == OfferState::kEnded) {
    if (offer.ended_by.empty()) return {};
    const std::string of = "'" + offer.ended_by + "'";
    return offer.ended_by_device.empty() ? " by " + of
                                         : " by device '" + offer.ended_by_device + "' of " + of;
  }
  if (!offer.to_device.empty()) return " by device '" + offer.to_device + "'";
  return offer.to_session.empty() ? "" : " by a session without a device";
}

// Who has answered the offer is known by the device, and without one by the session.
bool has_answered(const Offer& offer, const OfferMove& move) {
  return offer.to_device == move.device &&
         (!move.device.empty() || offer.to_session == move.session);
}

std::unexpected<OfferRefusal> has_become(const Offer& offer) {
  return std::unexpected(OfferRefusal{
      .code = Code::kAlreadyExists,
      .why = "the offer is " + std::string(name_of(offer.state)) + who_brought(offer)});
}

bool is_waiting(const Offer& offer) {
  return offer.state == OfferState::kProposed || offer.state == OfferState::kRinging;
}

// Of the side it was made to: to ring, to accept, to reject.
Decision answered(const Offer& offer, const OfferMove& move, OfferState state, Timestamp now) {
  if (offer.state == state && (state == OfferState::kRinging || has_answered(offer, move)))
    return offer;
  if (!is_waiting(offer)) return has_become(offer);
  Offer after = changed(offer, state, now);
  if (state == OfferState::kRinging) return after;
  after.to_device = move.device;
  if (move.device.empty()) after.to_session = move.session;
  after.reason = move.reason;
  if (state == OfferState::kAccepted) {
    after.answer = move.description;
    after.expires_at = now + limits::kOfferLastsMax;
  }
  return after;
}

Decision updated(const Offer& offer, const OfferMove& move, Side side, Timestamp now) {
  if (is_over(offer.state)) return has_become(offer);
  if (side == Side::kTo && offer.state != OfferState::kAccepted)
    return not_yours(offer, Side::kFrom);
  if (side == Side::kTo && !has_answered(offer, move)) return has_become(offer);
  std::string Offer::* const which = side == Side::kFrom ? &Offer::description : &Offer::answer;
  if (offer.*which == move.description) return offer;
  Offer after = changed(offer, offer.state, now);
  after.*which = move.description;
  return after;
}

Decision ended(const Offer& offer, const OfferMove& move, OfferState from, OfferState to,
               Timestamp now) {
  if (offer.state == to) return offer;
  const bool may = from == OfferState::kAccepted ? offer.state == from : is_waiting(offer);
  if (!may) return has_become(offer);
  Offer after = changed(offer, to, now);
  after.reason = move.reason;
  after.ended_by = move.eid;
  after.ended_by_device = move.device;
  return after;
}

}  // namespace

Decision decide(const Offer& offer, const OfferMove& move, Timestamp now) {
  const bool is_from = move.eid == offer.key.from;
  if (!is_from && move.eid != offer.to) {
    return std::unexpected(
        OfferRefusal{.code = Code::kNotFound, .why = "there is no such offer to you or by you"});
  }
  if (!is_over(offer.state) && offer.expires_at <= now) return has_become(expire(offer, now));
  // What one offers oneself is both sides' to do, for any device.
  const bool is_to = move.eid == offer.to;
  switch (move.action) {
    case OfferAction::kRing:
      return is_to ? answered(offer, move, OfferState::kRinging, now) : not_yours(offer, Side::kTo);
    case OfferAction::kAccept:
      return is_to ? answered(offer, move, OfferState::kAccepted, now)
                   : not_yours(offer, Side::kTo);
    case OfferAction::kReject:
      return is_to ? answered(offer, move, OfferState::kRejected, now)
                   : not_yours(offer, Side::kTo);
    case OfferAction::kCancel:
      return is_from ? ended(offer, move, OfferState::kProposed, OfferState::kCancelled, now)
                     : not_yours(offer, Side::kFrom);
    case OfferAction::kUpdate:
      return updated(offer, move, is_from ? Side::kFrom : Side::kTo, now);
    case OfferAction::kEnd:
      return ended(offer, move, OfferState::kAccepted, OfferState::kEnded, now);
  }
  std::unreachable();
}

Offer expire(const Offer& offer, Timestamp now) {
  const bool is_accepted = offer.state == OfferState::kAccepted;
  Offer after = changed(offer, is_accepted ? OfferState::kEnded : OfferState::kExpired, now);
  after.reason = "its time was over";
  return after;
}

}  // namespace bimip::frontend
