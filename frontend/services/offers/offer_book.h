// The offers that are not over, and for a while those that are.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "frontend/services/offers/offer_rules.h"

namespace bimip::frontend {

using OfferRef = std::shared_ptr<const Offer>;

// Thread-compatible. Finding, putting and what is due cost the logarithm of what is there.
class OfferBook {
 public:
  [[nodiscard]] OfferRef find(const OfferKey& key) const;
  // New, or in the place of the one with its key.
  void put(OfferRef offer);
  void forget(const OfferKey& key);

  // Those that are not over in which the entity is a side, oldest first.
  [[nodiscard]] std::vector<OfferRef> of(const std::string& eid) const;
  [[nodiscard]] std::size_t open_from(const std::string& eid) const;
  [[nodiscard]] std::size_t open_to(const std::string& eid) const;
  [[nodiscard]] std::size_t size() const { return offers_.size(); }
  [[nodiscard]] std::size_t open() const { return open_; }

  // Whose time is over, whose note is to be tried again, or which need not be remembered any more;
  // at most so many, earliest first.
  [[nodiscard]] std::vector<OfferKey> due(engine::Timestamp now, std::size_t max) const;
  // It is not due before that, unless it is put again.
  void put_off(const OfferKey& key, engine::Timestamp until);

  struct Kept {
    OfferRef offer{};
    engine::Timestamp due_at{};
  };
  [[nodiscard]] const std::map<OfferKey, Kept>& all() const { return offers_; }

 private:
  using Side = std::map<std::string, std::set<OfferKey>, std::less<>>;
  static engine::Timestamp deadline_of(const Offer& offer);
  static std::size_t count(const Side& side, const std::string& eid);
  static void drop(Side& side, const std::string& eid, const OfferKey& key);

  std::map<OfferKey, Kept> offers_;
  std::set<std::pair<engine::Timestamp, OfferKey>> deadlines_;
  Side from_;  // of those that are not over
  Side to_;
  std::size_t open_ = 0;
};

}  // namespace bimip::frontend
