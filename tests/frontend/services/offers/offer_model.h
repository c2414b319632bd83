// What offers are to their users, and what their log must say: a plain model.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "frontend/services/offers/offer_core.h"
#include "tests/support/log_client.h"

namespace bimip::testing {

// Who does something: a device of an entity, or a session without one.
struct Actor {
  std::string eid{};
  std::string device{};
  std::string session{};
  friend auto operator<=>(const Actor&, const Actor&) = default;
};

// Thread-compatible. A name is used again: an offer is a name and when it was proposed.
class OfferModel {
 public:
  using Which = std::pair<frontend::OfferKey, engine::Timestamp>;

  // What the service says: an answer that was no refusal, a push to who watches, and the list of
  // what is open when somebody begins to watch.
  void answered(const Actor& who, const frontend::OfferMove& move, const frontend::Offer& offer);
  void refused(const Actor& who, const frontend::OfferMove& move,
               const frontend::OfferRefusal& refusal);
  void said(const frontend::Offer& offer);
  void pushed(const std::string& watcher, const frontend::Offer& offer);
  void listed(const std::string& watcher, const std::vector<frontend::OfferRef>& offers);
  // Everything that was asked was answered: each watcher knows what is open, and no more.
  void check_watcher(const std::string& watcher, const std::vector<frontend::OfferRef>& open) const;

  // At the end, when nothing is open or remembered any more: the records of the topic, in order,
  // and the notes of an inbox.
  void record(const frontend::OfferKey& key, const frontend::Offer* offer);
  void note(const std::string& eid, const frontend::Offer& offer);
  void finish() const;

  [[nodiscard]] std::uint64_t accepted() const { return winners_.size(); }
  [[nodiscard]] std::uint64_t missed() const { return notes_.size(); }

 private:
  std::map<Which, std::map<std::uint64_t, frontend::Offer>> said_;  // by version
  std::map<Which, Actor> winners_;  // who were told that they have it
  std::map<std::string, std::map<frontend::OfferKey, frontend::Offer>> watched_;
  std::map<Which, std::vector<frontend::Offer>> log_;
  std::map<frontend::OfferKey, Which> there_;  // in the log, not forgotten
  std::map<Which, std::string> notes_;
};

}  // namespace bimip::testing
