#include "frontend/replay/offer_replay.h"

#include <optional>
#include <utility>

#include "frontend/replay/core_replay.h"
#include "frontend/services/offers/offer_core.h"
#include "frontend/services/offers/offer_words.h"

namespace bimip::frontend {
namespace {

using engine::Timestamp;

class OfferReplay final : public CoreReplay {
 public:
  using CoreReplay::CoreReplay;

 private:
  [[nodiscard]] std::uint64_t state_hash() const override { return core_.state_hash(); }

  bool tell(TapeEvent event, TapeReader& from) override {
    switch (event) {
      case TapeEvent::kLoadOffer:
        with<Offer>(from, [&](Offer offer) { core_.load(std::move(offer)); });
        return true;
      case TapeEvent::kForgetOffer:
        with<OfferKey>(from, [&](const OfferKey& key) { core_.forget(key); });
        return true;
      case TapeEvent::kPropose:
        with<AskNumber, Offer>(
            from, [&](AskNumber ask, Offer offer) { says(core_.propose(ask, std::move(offer))); });
        return true;
      case TapeEvent::kMove:
        with<AskNumber, OfferKey, OfferMove, Timestamp>(
            from, [&](AskNumber ask, const OfferKey& key, OfferMove move, Timestamp now) {
              says(core_.move(ask, key, std::move(move), now));
            });
        return true;
      case TapeEvent::kOffersAdvance:
        with<Timestamp>(from, [&](Timestamp now) { says(core_.advance(now)); });
        return true;
      case TapeEvent::kOfferStored:
        with<OfferKey, std::optional<OfferRefusal>>(
            from, [&](const OfferKey& key, const std::optional<OfferRefusal>& refusal) {
              if (!core_.is_on_its_way(key)) return differ("what was not on its way was stored");
              says(core_.stored(key, refusal));
            });
        return true;
      default:
        return false;
    }
  }

  OfferCore core_;
};

}  // namespace

ReplayReport replay_offers(RecordingReader recording) {
  return OfferReplay(std::move(recording)).run();
}

}  // namespace bimip::frontend
