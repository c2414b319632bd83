// OfferCore: its state as a number, for comparing it with what it was in another run.
#include "engine/base/hash.h"
#include "frontend/services/offers/offer_core.h"
#include "frontend/services/offers/offer_words.h"

namespace bimip::frontend {

// Each part is hashed with what came before it for a seed: a copy of all of it would be large.
std::uint64_t OfferCore::state_hash() const {
  std::uint64_t hash = 0;
  const auto mix = [&](const auto&... values) {
    hash = engine::xxh3_64(engine::as_bytes(words_on_tape(values...)), hash);
  };
  for (const auto& [key, kept] : book_.all()) mix(kept.offer, kept.due_at);
  for (const auto& [key, line] : lines_) {
    const Outcome& going = line.going;
    mix(key, going.offer, going.change, going.is_new, going.is_accepted, line.ask,
        line.is_to_be_told, line.is_time_waiting);
    for (const Step& step : line.waiting) mix(step.kind, step.ask, step.offer, step.move, step.now);
  }
  mix(coming_, counters_.proposed, counters_.accepted, counters_.missed);
  return hash;
}

}  // namespace bimip::frontend
