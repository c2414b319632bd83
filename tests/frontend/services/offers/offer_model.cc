#include "tests/frontend/services/offers/offer_model.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace bimip::testing {

using namespace bimip::frontend;  // NOLINT: tests read better without it

namespace {

// As the page has it, in words of its own.
bool may_follow(OfferState before, OfferState after) {
  using enum OfferState;
  switch (before) {
    case kProposed:
      return after != kEnded;  // updated, too
    case kRinging:
      return after != kProposed && after != kEnded;
    case kAccepted:
      return after == kAccepted || after == kEnded;
    default:
      return false;
  }
}

bool is_by(const Offer& offer, const Actor& who) {
  if (offer.to_device != who.device) return false;
  return who.device.empty() ? offer.to_session == who.session : offer.to_session.empty();
}

OfferModel::Which which(const Offer& offer) { return {offer.key, offer.proposed_at}; }

bool is_same(Offer a, const Offer& b) {
  a.is_noted = b.is_noted;  // nobody's business
  return a == b;
}

}  // namespace

void OfferModel::said(const Offer& offer) {
  const auto [at, is_new] = said_[which(offer)].emplace(offer.version, offer);
  EXPECT_TRUE(is_same(at->second, offer)) << "a version is one thing";
}

void OfferModel::answered(const Actor& who, const OfferMove& move, const Offer& offer) {
  said(offer);
  if (move.action != OfferAction::kAccept) return;
  EXPECT_EQ(offer.state, OfferState::kAccepted);
  EXPECT_TRUE(is_by(offer, who)) << "who is answered that it is accepted has it";
  const auto [winner, is_first] = winners_.emplace(which(offer), who);
  EXPECT_EQ(winner->second, who) << "one has it";
}

void OfferModel::refused(const Actor& who, const OfferMove& move, const OfferRefusal& refusal) {
  if (move.action != OfferAction::kAccept || who.device.empty()) return;
  EXPECT_NE(refusal.why, "the offer is accepted by device '" + who.device + "'")
      << "who has it is answered as before";
}

void OfferModel::pushed(const std::string& watcher, const Offer& offer) {
  said(offer);
  EXPECT_TRUE(watcher == offer.key.from || watcher == offer.to);
  auto& known = watched_[watcher];
  const auto before = known.find(offer.key);
  if (before == known.end() || before->second.proposed_at != offer.proposed_at) {
    // Who began to watch between an end and the note of it hears of the end.
    EXPECT_TRUE(offer.version == 1 || is_missed(offer)) << "a watcher is told from the beginning";
  } else {
    EXPECT_EQ(offer.version, before->second.version + 1) << "and of everything";
  }
  known[offer.key] = offer;
}

void OfferModel::listed(const std::string& watcher, const std::vector<OfferRef>& offers) {
  auto& known = watched_[watcher];
  for (const OfferRef& offer : offers) {
    said(*offer);
    const auto before = known.find(offer->key);
    if (before != known.end() && before->second.proposed_at == offer->proposed_at) {
      EXPECT_GE(offer->version, before->second.version) << "what was told is not taken back";
    }
    known[offer->key] = *offer;
  }
  // The others went while nobody watched.
  std::erase_if(known, [&](const auto& one) {
    return std::ranges::none_of(offers, [&](const auto& offer) { return offer->key == one.first; });
  });
}

void OfferModel::check_watcher(const std::string& watcher,
                               const std::vector<OfferRef>& open) const {
  std::map<OfferKey, Offer> wanted;
  if (const auto known = watched_.find(watcher); known != watched_.end()) {
    for (const auto& [key, offer] : known->second) {
      if (!is_over(offer.state)) wanted.emplace(key, offer);
    }
  }
  EXPECT_EQ(open.size(), wanted.size()) << watcher;
  for (const OfferRef& offer : open) {
    const auto at = wanted.find(offer->key);
    ASSERT_NE(at, wanted.end()) << watcher << " was not told of " << offer->key.id;
    EXPECT_EQ(*offer, at->second) << "the last word is the truth";
  }
}

void OfferModel::record(const OfferKey& key, const Offer* offer) {
  const auto there = there_.find(key);
  if (offer == nullptr) {
    ASSERT_NE(there, there_.end());
    const Offer& last = log_[there->second].back();
    EXPECT_TRUE(is_over(last.state)) << "what is forgotten is over";
    EXPECT_EQ(last.is_noted, is_missed(last));
    there_.erase(there);
    return;
  }
  std::vector<Offer>& life = log_[which(*offer)];
  if (there == there_.end()) {
    EXPECT_TRUE(life.empty()) << "what was forgotten does not come back";
    EXPECT_EQ(offer->version, 1U);
    EXPECT_EQ(offer->state, OfferState::kProposed);
    there_.emplace(key, which(*offer));
  } else {
    ASSERT_EQ(there->second, which(*offer)) << "a name is one offer's at a time";
    const Offer& before = life.back();
    if (offer->version == before.version) {
      EXPECT_TRUE(is_missed(*offer) && offer->is_noted && is_same(before, *offer));
      life.back() = *offer;
      return;
    }
    EXPECT_EQ(offer->version, before.version + 1);
    EXPECT_TRUE(may_follow(before.state, offer->state));
    EXPECT_LE(before.expires_at <= offer->changed_at, offer->state >= OfferState::kExpired)
        << "nothing else happens to what is past its time";
    if (before.state == OfferState::kAccepted) {
      EXPECT_EQ(offer->to_device, before.to_device);
      EXPECT_EQ(offer->to_session, before.to_session);
    }
  }
  life.push_back(*offer);
}

void OfferModel::note(const std::string& eid, const Offer& offer) {
  EXPECT_EQ(offer.to, eid);
  EXPECT_TRUE(is_missed(offer));
  EXPECT_TRUE(notes_.emplace(which(offer), eid).second) << "there is one note of each";
}

void OfferModel::finish() const {
  EXPECT_TRUE(there_.empty()) << "nothing is there for ever";
  for (const auto& [offer, versions] : said_) {
    const auto life = log_.find(offer);
    ASSERT_NE(life, log_.end()) << "what was told is in the log";
    for (const auto& [version, told] : versions) {
      ASSERT_LE(version, life->second.size());
      EXPECT_TRUE(is_same(told, life->second[version - 1])) << "as it was told";
    }
  }
  for (const auto& [offer, life] : log_) {
    EXPECT_EQ(is_missed(life.back()), notes_.contains(offer))
        << "of what was missed there is a note";
    const auto winner = winners_.find(offer);
    const auto accepted = std::ranges::find(life, OfferState::kAccepted, &Offer::state);
    if (winner == winners_.end()) continue;
    ASSERT_NE(accepted, life.end());
    EXPECT_TRUE(is_by(*accepted, winner->second));
  }
  for (const auto& [offer, eid] : notes_) EXPECT_TRUE(log_.contains(offer));
}

}  // namespace bimip::testing
