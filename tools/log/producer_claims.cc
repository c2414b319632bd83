#include "tools/log/producer_claims.h"

#include <algorithm>

#include "engine/base/hash.h"

namespace bimip::log_tools {

ProducerClaims::ProducerClaims(const std::vector<const ProducerState*>& states) {
  for (const ProducerState* state : states) {
    for (const ProducerEntry& producer : state->producers) {
      for (const ProducerRun& run : producer.runs) runs_.push_back({.run = run, .id = producer.id});
    }
    keys_.insert(keys_.end(), state->idempotency_keys.begin(), state->idempotency_keys.end());
  }
  std::ranges::sort(runs_, {}, [](const Run& run) { return run.run.first_offset; });
  std::ranges::sort(keys_, {}, &IdempotencyEntry::offset);
}

std::string ProducerClaims::contradiction(const Record& record) const {
  // Two tables may claim the same run, at most one claims more of it; so a few before are looked
  // at.
  auto after = std::ranges::upper_bound(runs_, record.offset, {},
                                        [](const Run& run) { return run.run.first_offset; });
  for (int looked = 0; after != runs_.begin() && looked < 2; ++looked) {
    --after;
    const std::uint64_t into = record.offset - after->run.first_offset;
    if (into >= after->run.count) continue;
    const ProducerMark claimed{.id = after->id, .number = after->run.first_number + into};
    if (record.producer != claimed) return "its record is not of that producer and number";
  }
  const auto [first, last] =
      std::ranges::equal_range(keys_, record.offset, {}, &IdempotencyEntry::offset);
  for (auto key = first; key != last; ++key) {
    if (record.idempotency_key.empty() || xxh3_128(record.idempotency_key) != key->key)
      return "its record has not that idempotency key";
  }
  return {};
}

}  // namespace bimip::log_tools
