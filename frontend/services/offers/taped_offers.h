// The core of the offers, and the tape of what it is told. Design: docs/design/replay.md.
#pragma once

#include "frontend/services/offers/offer_core.h"
#include "frontend/session/core_tape_writer.h"

namespace bimip::frontend {

// What changes the core is written before it does, and what it says to it afterwards as a hash.
// Looks are neither. Thread-compatible.
class TapedOffers final : private OfferCore {
 public:
  // Without a tape nothing is written.
  explicit TapedOffers(CoreTape* tape)
      : tape_(tape, [this] { return state_hash(); }, [this] { return size(); }) {}

  using OfferCore::counters;
  using OfferCore::of;

  // As the core's.
  void load(Offer offer);
  void forget(const OfferKey& key);
  [[nodiscard]] OfferOutputs propose(AskNumber ask, Offer offer);
  [[nodiscard]] OfferOutputs move(AskNumber ask, const OfferKey& key, OfferMove move,
                                  engine::Timestamp now);
  [[nodiscard]] OfferOutputs advance(engine::Timestamp now);
  [[nodiscard]] OfferOutputs stored(const OfferKey& key,
                                    const std::optional<OfferRefusal>& refusal);

  void flush_tape() { tape_.flush(); }
  // The state, and the end of the tape.
  void end_tape() { tape_.end(); }

 private:
  CoreTapeWriter tape_;
};

}  // namespace bimip::frontend
