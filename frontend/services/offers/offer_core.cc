#include "frontend/services/offers/offer_core.h"

#include <utility>

#include "engine/base/assert.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::Timestamp;

namespace {

// What is due at one time is looked at in parts.
constexpr std::size_t kDueAtOnce = 1000;

std::size_t count_of(const std::map<std::string, std::size_t>& tally, const std::string& eid) {
  const auto found = tally.find(eid);
  return found == tally.end() ? 0 : found->second;
}

void take_one(std::map<std::string, std::size_t>& tally, const std::string& eid) {
  const auto found = tally.find(eid);
  if (--found->second == 0) tally.erase(found);
}

}  // namespace

void OfferCore::load(Offer offer) { book_.put(std::make_shared<const Offer>(std::move(offer))); }

void OfferCore::forget(const OfferKey& key) { book_.forget(key); }

OfferOutputs OfferCore::propose(AskNumber ask, Offer offer) {
  OfferOutputs out;
  const OfferKey key = offer.key;
  add(key, {.kind = Step::Kind::kPropose, .ask = ask, .offer = std::move(offer)}, out);
  return out;
}

OfferOutputs OfferCore::move(AskNumber ask, const OfferKey& key, OfferMove move, Timestamp now) {
  OfferOutputs out;
  add(key, {.kind = Step::Kind::kMove, .ask = ask, .move = std::move(move), .now = now}, out);
  return out;
}

OfferOutputs OfferCore::advance(Timestamp now) {
  OfferOutputs out;
  for (const OfferKey& key : book_.due(now, kDueAtOnce)) {
    // Those whose end cannot be stored are behind the others from now on.
    book_.put_off(key, now + limits::kOfferTriedAgain);
    add(key, {.kind = Step::Kind::kTime, .now = now}, out);
  }
  return out;
}

OfferOutputs OfferCore::stored(const OfferKey& key, const std::optional<OfferRefusal>& refusal) {
  OfferOutputs out;
  const auto found = lines_.find(key);
  BIMIP_ASSERT(found != lines_.end());
  Line& line = found->second;
  if (line.going.is_new) expect_no_more(*line.going.offer);
  if (refusal) {
    refuse(line, *refusal, out);
  } else if (settle(line, out)) {
    return out;
  }
  while (!line.waiting.empty()) {
    const Step step = std::move(line.waiting.front());
    line.waiting.pop_front();
    if (step.kind == Step::Kind::kTime) line.is_time_waiting = false;
    if (take(key, step, out)) return out;
  }
  lines_.erase(found);
  return out;
}

// One that was missed is told of when its note is there: who hears of it finds it. And it is noted
// down that it is there, so that a restart writes no other.
bool OfferCore::settle(Line& line, OfferOutputs& out) {
  const Outcome& going = line.going;
  const OfferRef& offer = going.offer;
  if (*going.change == Change::kForget) {
    book_.forget(offer->key);
    return false;
  }
  if (*going.change == Change::kOffer) {
    book_.put(offer);
    count(going);
    if (!is_missed(*offer) || offer->is_noted) {
      tell(line, out);
      return false;
    }
    line.going = {.offer = offer, .change = Change::kNote};
  } else {
    tell(line, out);
    Offer noted = *offer;
    noted.is_noted = true;
    line.going = {.offer = std::make_shared<const Offer>(std::move(noted)),
                  .change = Change::kOffer};
  }
  send(line, out);
  return true;
}

// What cannot be stored now is tried again when it is due again, but for what somebody asked: they
// try it again. An offer is over without its note, too.
void OfferCore::refuse(Line& line, const OfferRefusal& refusal, OfferOutputs& out) {
  if (*line.going.change == Change::kNote) return tell(line, out);
  if (!std::exchange(line.is_to_be_told, false)) return;
  answer(line.ask, {.refusal = refusal}, out);
}

void OfferCore::tell(Line& line, OfferOutputs& out) {
  if (!std::exchange(line.is_to_be_told, false)) return;
  out.news.push_back(line.going.offer);
  answer(line.ask, line.going, out);
}

void OfferCore::send(Line& line, OfferOutputs& out) {
  out.changes.push_back({.what = *line.going.change, .offer = line.going.offer});
}

void OfferCore::count(const Outcome& outcome) {
  if (outcome.is_new) ++counters_.proposed;
  if (outcome.is_accepted) ++counters_.accepted;
  if (is_missed(*outcome.offer) && !outcome.offer->is_noted) ++counters_.missed;
}

void OfferCore::add(const OfferKey& key, Step step, OfferOutputs& out) {
  const auto found = lines_.find(key);
  if (found == lines_.end()) return void(take(key, step, out));
  Line& line = found->second;
  if (step.kind == Step::Kind::kTime) {
    if (std::exchange(line.is_time_waiting, true)) return;
  } else if (line.waiting.size() >= limits::kOfferChangesWaitingMax) {
    return answer(step.ask,
                  {.refusal = OfferRefusal{.code = Code::kResourceExhausted,
                                           .why = "too much happens to this offer at once"}},
                  out);
  }
  line.waiting.push_back(std::move(step));
}

bool OfferCore::take(const OfferKey& key, const Step& step, OfferOutputs& out) {
  Outcome outcome = outcome_of(key, step);
  if (!outcome.change) {
    answer(step.ask, outcome, out);
    return false;
  }
  if (outcome.is_new) expect(*outcome.offer);
  Line& line = lines_[key];
  line.going = std::move(outcome);
  line.ask = step.ask;
  line.is_to_be_told = *line.going.change == Change::kOffer;
  send(line, out);
  return true;
}

void OfferCore::answer(AskNumber ask, const Outcome& outcome, OfferOutputs& out) {
  if (ask == AskNumber()) return;
  if (outcome.refusal) return out.answers.push_back({ask, std::unexpected(*outcome.refusal)});
  out.answers.push_back({ask, outcome.offer});
}

void OfferCore::expect(const Offer& offer) {
  ++coming_;
  ++coming_from_[offer.key.from];
  ++coming_to_[offer.to];
}

void OfferCore::expect_no_more(const Offer& offer) {
  --coming_;
  take_one(coming_from_, offer.key.from);
  take_one(coming_to_, offer.to);
}

OfferCore::Outcome OfferCore::outcome_of(const OfferKey& key, const Step& step) const {
  switch (step.kind) {
    case Step::Kind::kPropose:
      return proposed(step.offer);
    case Step::Kind::kMove:
      return moved(key, step);
    case Step::Kind::kTime:
      return after_time(key, step.now);
  }
  std::unreachable();
}

OfferCore::Outcome OfferCore::moved(const OfferKey& key, const Step& step) const {
  const OfferRef offer = book_.find(key);
  if (!offer) {
    return {.refusal = OfferRefusal{.code = Code::kNotFound,
                                    .why = "there is no such offer to you or by you"}};
  }
  auto after = decide(*offer, step.move, step.now);
  if (!after) return {.refusal = std::move(after.error())};
  if (after->version == offer->version) return {.offer = offer};
  const bool is_accepted =
      after->state == OfferState::kAccepted && offer->state != OfferState::kAccepted;
  return {.offer = std::make_shared<const Offer>(std::move(*after)),
          .change = Change::kOffer,
          .is_accepted = is_accepted};
}

OfferCore::Outcome OfferCore::after_time(const OfferKey& key, Timestamp now) const {
  const OfferRef offer = book_.find(key);
  if (!offer) return {};
  if (!is_over(offer->state)) {
    if (offer->expires_at > now) return {};
    return {.offer = std::make_shared<const Offer>(expire(*offer, now)), .change = Change::kOffer};
  }
  if (is_missed(*offer) && !offer->is_noted) return {.offer = offer, .change = Change::kNote};
  if (offer->changed_at + limits::kOfferKept > now) return {};
  return {.offer = offer, .change = Change::kForget};
}

OfferCore::Outcome OfferCore::proposed(const Offer& offer) const {
  const auto refuse = [](Code code, std::string why) {
    return Outcome{.refusal = OfferRefusal{.code = code, .why = std::move(why)}};
  };
  if (const OfferRef there = book_.find(offer.key)) {
    const bool is_same = there->to == offer.to && there->kind == offer.kind &&
                         (there->version > 1 || there->description == offer.description);
    if (!is_same) return refuse(Code::kAlreadyExists, "another offer of yours has this name");
    return {.offer = there};
  }
  const std::string& from = offer.key.from;
  if (book_.size() + coming_ >= limits::kOffersMax)
    return refuse(Code::kResourceExhausted, "offers_max is reached");
  if (book_.open_from(from) + count_of(coming_from_, from) >= limits::kOffersFromEntityMax) {
    return refuse(Code::kResourceExhausted, "an entity has at most " +
                                                std::to_string(limits::kOffersFromEntityMax) +
                                                " offers that are not over");
  }
  if (book_.open_to(offer.to) + count_of(coming_to_, offer.to) >= limits::kOffersToEntityMax)
    return refuse(Code::kResourceExhausted, "'" + offer.to + "' has too many offers already");
  return {.offer = std::make_shared<const Offer>(offer), .change = Change::kOffer, .is_new = true};
}

OfferCounters OfferCore::counters() const {
  OfferCounters counters = counters_;
  counters.open = book_.open();
  return counters;
}

}  // namespace bimip::frontend
