// What becomes of the node's offers: (state, input, time) to (state, outputs). Design:
// docs/design/offers.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "frontend/services/offers/offer_book.h"

namespace bimip::frontend {

// What somebody asked, in the numbers of who passes it on. 0: nobody did.
using AskNumber = engine::Number<struct AskNumberTag>;

// The offer as it is then, or why not.
using OfferResult = std::expected<OfferRef, OfferRefusal>;

struct OfferAnswer {
  AskNumber ask{};
  OfferResult result{};
};

// To be stored; stored() says what came of it.
struct OfferChange {
  enum class What : std::uint8_t {
    kOffer,   // as it is to be
    kNote,    // the word of it for the inbox of who missed it
    kForget,  // nothing of it is kept
  };
  What what{};
  OfferRef offer{};
};

struct OfferOutputs {
  std::vector<OfferAnswer> answers{};
  std::vector<OfferChange> changes{};
  std::vector<OfferRef> news{};  // as they have become
};

// What the offers came to since the core was begun, and how many are not over.
struct OfferCounters {
  std::uint64_t proposed = 0;
  std::uint64_t accepted = 0;
  std::uint64_t missed = 0;
  std::uint64_t open = 0;
};

// No log, clock, lock or thread. One change of an offer is on its way at a time, the others wait in
// line: each is decided when the one before it was stored. So what is in here is what a restart
// would find, and the first to accept is the first in the log. Thread-compatible.
class OfferCore {
 public:
  // What was in the log, before anything else.
  void load(Offer offer);
  void forget(const OfferKey& key);

  // `offer`: as it is to begin, at its proposed_at. One that is there as it is is answered as it
  // has become.
  [[nodiscard]] OfferOutputs propose(AskNumber ask, Offer offer);
  [[nodiscard]] OfferOutputs move(AskNumber ask, const OfferKey& key, OfferMove move,
                                  engine::Timestamp now);
  // Expires, notes and forgets what is due.
  [[nodiscard]] OfferOutputs advance(engine::Timestamp now);
  // The change of this offer that is on its way survives power loss, or was refused.
  [[nodiscard]] OfferOutputs stored(const OfferKey& key,
                                    const std::optional<OfferRefusal>& refusal);

  // Looks.
  [[nodiscard]] bool is_due(engine::Timestamp now) const { return !book_.due(now, 1).empty(); }
  [[nodiscard]] bool is_on_its_way(const OfferKey& key) const { return lines_.contains(key); }
  // Those of the entity that are not over, oldest first.
  [[nodiscard]] std::vector<OfferRef> of(const std::string& eid) const { return book_.of(eid); }
  [[nodiscard]] OfferCounters counters() const;
  // Offers that are known.
  [[nodiscard]] std::size_t size() const { return book_.size(); }
  [[nodiscard]] std::uint64_t state_hash() const;

 private:
  using Change = OfferChange::What;
  struct Step {
    enum class Kind : std::uint8_t { kPropose, kMove, kTime };
    Kind kind{};
    AskNumber ask{};
    Offer offer{};  // kPropose
    OfferMove move{};
    engine::Timestamp now{};
  };
  // What a step comes to.
  struct Outcome {
    std::optional<OfferRefusal> refusal{};
    OfferRef offer{};                // as it is, or is to be
    std::optional<Change> change{};  // that is to be stored
    bool is_new = false;
    bool is_accepted = false;
  };
  // Of an offer with a change on its way.
  struct Line {
    Outcome going{};
    AskNumber ask{};
    bool is_to_be_told = false;
    std::deque<Step> waiting{};
    bool is_time_waiting = false;
  };
  // How many are on their way to be an entity's.
  using Tally = std::map<std::string, std::size_t>;

  void add(const OfferKey& key, Step step, OfferOutputs& out);
  // Whether a change is on its way now.
  bool take(const OfferKey& key, const Step& step, OfferOutputs& out);
  // What was on its way is stored. Whether something follows from it.
  bool settle(Line& line, OfferOutputs& out);
  void refuse(Line& line, const OfferRefusal& refusal, OfferOutputs& out);
  static void tell(Line& line, OfferOutputs& out);
  static void send(Line& line, OfferOutputs& out);
  static void answer(AskNumber ask, const Outcome& outcome, OfferOutputs& out);
  void count(const Outcome& outcome);

  [[nodiscard]] Outcome outcome_of(const OfferKey& key, const Step& step) const;
  [[nodiscard]] Outcome proposed(const Offer& offer) const;
  [[nodiscard]] Outcome moved(const OfferKey& key, const Step& step) const;
  [[nodiscard]] Outcome after_time(const OfferKey& key, engine::Timestamp now) const;
  void expect(const Offer& offer);
  void expect_no_more(const Offer& offer);

  OfferBook book_;
  std::map<OfferKey, Line> lines_;
  // Proposed, and not stored yet.
  std::size_t coming_ = 0;
  Tally coming_from_;
  Tally coming_to_;
  OfferCounters counters_{};  // but for `open`
};

}  // namespace bimip::frontend
