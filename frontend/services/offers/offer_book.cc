#include "frontend/services/offers/offer_book.h"

#include <algorithm>

#include "frontend/stanza/limits.h"

namespace bimip::frontend {

engine::Timestamp OfferBook::deadline_of(const Offer& offer) {
  if (!is_over(offer.state)) return offer.expires_at;
  const bool wants_note = is_missed(offer) && !offer.is_noted;
  return offer.changed_at + (wants_note ? limits::kOfferTriedAgain : limits::kOfferKept);
}

OfferRef OfferBook::find(const OfferKey& key) const {
  const auto found = offers_.find(key);
  return found == offers_.end() ? nullptr : found->second.offer;
}

void OfferBook::put(OfferRef offer) {
  forget(offer->key);
  const engine::Timestamp due_at = deadline_of(*offer);
  deadlines_.emplace(due_at, offer->key);
  if (!is_over(offer->state)) {
    from_[offer->key.from].insert(offer->key);
    to_[offer->to].insert(offer->key);
    ++open_;
  }
  OfferKey key = offer->key;
  offers_.emplace(std::move(key), Kept{.offer = std::move(offer), .due_at = due_at});
}

void OfferBook::forget(const OfferKey& key) {
  const auto found = offers_.find(key);
  if (found == offers_.end()) return;
  const Offer& offer = *found->second.offer;
  deadlines_.erase({found->second.due_at, key});
  if (!is_over(offer.state)) {
    drop(from_, key.from, key);
    drop(to_, offer.to, key);
    --open_;
  }
  offers_.erase(found);
}

void OfferBook::drop(Side& side, const std::string& eid, const OfferKey& key) {
  const auto found = side.find(eid);
  found->second.erase(key);
  if (found->second.empty()) side.erase(found);
}

std::size_t OfferBook::count(const Side& side, const std::string& eid) {
  const auto found = side.find(eid);
  return found == side.end() ? 0 : found->second.size();
}

std::size_t OfferBook::open_from(const std::string& eid) const { return count(from_, eid); }
std::size_t OfferBook::open_to(const std::string& eid) const { return count(to_, eid); }

std::vector<OfferRef> OfferBook::of(const std::string& eid) const {
  std::set<OfferKey> keys;
  for (const Side* side : {&from_, &to_}) {
    if (const auto found = side->find(eid); found != side->end())
      keys.insert(found->second.begin(), found->second.end());
  }
  std::vector<OfferRef> offers;
  offers.reserve(keys.size());
  for (const OfferKey& key : keys) offers.push_back(offers_.at(key).offer);
  std::ranges::sort(
      offers, {}, [](const OfferRef& offer) { return std::pair(offer->proposed_at, offer->key); });
  return offers;
}

std::vector<OfferKey> OfferBook::due(engine::Timestamp now, std::size_t max) const {
  std::vector<OfferKey> keys;
  for (const auto& [deadline, key] : deadlines_) {
    if (deadline > now || keys.size() == max) break;
    keys.push_back(key);
  }
  return keys;
}

void OfferBook::put_off(const OfferKey& key, engine::Timestamp until) {
  const auto found = offers_.find(key);
  if (found == offers_.end()) return;
  deadlines_.erase({found->second.due_at, key});
  found->second.due_at = until;
  deadlines_.emplace(until, key);
}

}  // namespace bimip::frontend
