#include "frontend/services/offers/taped_offers.h"

#include <utility>

#include "frontend/services/offers/offer_words.h"

namespace bimip::frontend {

void TapedOffers::load(Offer offer) {
  tape_.write(TapeEvent::kLoadOffer, offer);
  OfferCore::load(std::move(offer));
}

void TapedOffers::forget(const OfferKey& key) {
  tape_.write(TapeEvent::kForgetOffer, key);
  OfferCore::forget(key);
}

OfferOutputs TapedOffers::propose(AskNumber ask, Offer offer) {
  tape_.write(TapeEvent::kPropose, ask, offer);
  return tape_.said(OfferCore::propose(ask, std::move(offer)));
}

OfferOutputs TapedOffers::move(AskNumber ask, const OfferKey& key, OfferMove move,
                               engine::Timestamp now) {
  tape_.write(TapeEvent::kMove, ask, key, move, now);
  return tape_.said(OfferCore::move(ask, key, std::move(move), now));
}

// When nothing is due nothing changes.
OfferOutputs TapedOffers::advance(engine::Timestamp now) {
  if (!is_due(now)) return {};
  tape_.write(TapeEvent::kOffersAdvance, now);
  return tape_.said(OfferCore::advance(now));
}

OfferOutputs TapedOffers::stored(const OfferKey& key, const std::optional<OfferRefusal>& refusal) {
  tape_.write(TapeEvent::kOfferStored, key, refusal);
  return tape_.said(OfferCore::stored(key, refusal));
}

}  // namespace bimip::frontend
