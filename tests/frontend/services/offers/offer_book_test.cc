#include "frontend/services/offers/offer_book.h"

#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "frontend/stanza/limits.h"

namespace bimip::testing {
namespace {

using namespace bimip::frontend;  // NOLINT: tests read better without it
using namespace std::chrono_literals;
using engine::Timestamp;

OfferRef made(const std::string& from, const std::string& id, const std::string& to,
              OfferState state, Timestamp at) {
  return std::make_shared<const Offer>(Offer{.key = {.from = from, .id = id},
                                             .to = to,
                                             .state = state,
                                             .proposed_at = at,
                                             .changed_at = at,
                                             .expires_at = at + 60s});
}

// Random changes, held against a map.
TEST(OfferBook, AgreesWithAModelWhateverIsDone) {
  engine::Random random(1);
  OfferBook book;
  std::map<OfferKey, OfferRef> model;
  Timestamp now(1'000s);
  for (int step = 0; step < 5000; ++step) {
    now += std::chrono::seconds(random.below(3));
    const std::string from = "e" + std::to_string(random.below(4));
    const std::string to = "e" + std::to_string(random.below(4));
    const std::string id = std::to_string(random.below(8));
    const OfferKey key{.from = from, .id = id};
    if (random.one_in(3)) {
      book.forget(key);
      model.erase(key);
    } else {
      OfferRef offer = made(from, id, to, static_cast<OfferState>(1 + random.below(7)), now);
      book.put(offer);
      model[key] = offer;
    }
    ASSERT_EQ(book.find(key), model.contains(key) ? model[key] : nullptr);
    ASSERT_EQ(book.size(), model.size());
    const std::string eid = "e" + std::to_string(random.below(4));
    std::set<OfferKey> wanted;
    std::size_t by = 0;
    std::set<OfferKey> due;
    for (const auto& [name, offer] : model) {
      const bool over = is_over(offer->state);
      if (!over && (name.from == eid || offer->to == eid)) wanted.insert(name);
      by += !over && name.from == eid ? 1U : 0U;
      const auto kept = is_missed(*offer) ? limits::kOfferTriedAgain : limits::kOfferKept;
      if ((over ? offer->changed_at + kept : offer->expires_at) <= now) due.insert(name);
    }
    std::set<OfferKey> found;
    Timestamp last{};
    for (const OfferRef& offer : book.of(eid)) {
      ASSERT_GE(offer->proposed_at, last) << "oldest first";
      last = offer->proposed_at;
      found.insert(offer->key);
    }
    ASSERT_EQ(found, wanted);
    ASSERT_EQ(book.open_from(eid), by);
    const std::vector<OfferKey> told = book.due(now, 1000);
    ASSERT_EQ(std::set<OfferKey>(told.begin(), told.end()), due);
  }
}

TEST(OfferBook, WhatIsPutOffIsBehindTheOthers) {
  OfferBook book;
  const Timestamp now(1'000s);
  for (const char* id : {"a", "b", "c"})
    book.put(made("ann", id, "bob", OfferState::kProposed, now));
  const OfferKey a{.from = "ann", .id = "a"};
  EXPECT_EQ(book.due(now + 60s, 1), std::vector{a});
  book.put_off(a, now + 65s);
  EXPECT_EQ(book.due(now + 60s, 1), (std::vector{OfferKey{.from = "ann", .id = "b"}}));
  EXPECT_EQ(book.due(now + 65s, 10).back(), a);
  book.put(made("ann", "a", "bob", OfferState::kExpired, now + 65s));
  EXPECT_EQ(book.due(now + 65s, 10).size(), 2U) << "it has a new time";
  book.forget(a);
  EXPECT_EQ(book.due(now + 1h, 10).size(), 2U);
}

}  // namespace
}  // namespace bimip::testing
