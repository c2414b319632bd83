#include "frontend/services/offers/offer_service.h"

#include <set>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "frontend/services/offers/offer_record.h"
#include "frontend/services/once_name.h"
#include "frontend/services/own_append.h"
#include "frontend/services/own_topic.h"
#include "frontend/session/moment.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::MutexLock;
using engine::Status;
using engine::Timestamp;

namespace {

constexpr std::size_t kDueAtOnce = 1000;

Status status_of(const engine::Result<engine::Appended>& result) {
  return result ? Status{} : std::unexpected(result.error());
}

}  // namespace

engine::Result<std::unique_ptr<OfferService>> OfferService::open(engine::Log& log,
                                                                 InboxService& inboxes) {
  auto topic = find_or_create(log, kTopic, {.compaction = engine::Compaction::kNewest});
  if (!topic) return engine::fail_at(kTopic, std::move(topic.error()));
  std::unique_ptr<OfferService> service(new OfferService(log, std::move(*topic), inboxes));
  if (Status loaded = service->load(); !loaded)
    return engine::fail_at(kTopic, std::move(loaded.error()));
  return service;
}

// An offer that is lost expires unanswered; it is no reason not to serve.
Status OfferService::load() {
  std::map<std::string, OfferKey> keys;  // by their records'
  return read_all_and_wait(log_, topic_.id, [&](const engine::Record& record) {
    const std::string key(engine::as_text(record.key));
    std::optional<Offer> offer;
    if (record.kind != engine::RecordKind::kTombstone)
      offer = parse_offer(engine::as_text(record.value));
    const MutexLock lock(mutex_);
    if (offer) {
      keys[key] = offer->key;
      book_.put(std::make_shared<const Offer>(std::move(*offer)));
    } else if (const auto known = keys.find(key); known != keys.end()) {
      book_.forget(known->second);
      keys.erase(known);
    }
  });
}

void OfferService::propose(Offer offer, Done done) {
  const OfferKey key = offer.key;
  const Timestamp now = offer.proposed_at;
  add(key, {.kind = Step::Kind::kPropose,
            .offer = std::move(offer),
            .now = now,
            .done = std::move(done)});
}

void OfferService::move(const OfferKey& key, OfferMove move, Timestamp now, Done done) {
  add(key,
      {.kind = Step::Kind::kMove, .move = std::move(move), .now = now, .done = std::move(done)});
}

void OfferService::on_tick(Timestamp now) {
  std::vector<OfferKey> due;
  {
    const MutexLock lock(mutex_);
    due = book_.due(now, kDueAtOnce);
    // Those whose end cannot be stored are behind the others from now on.
    for (const OfferKey& key : due) book_.put_off(key, now + limits::kOfferTriedAgain);
  }
  for (const OfferKey& key : due)
    add(key, {.kind = Step::Kind::kTime, .now = now, .done = [](const auto&) {}});
}

// One change of an offer is on its way at a time; the others wait in line.
void OfferService::add(const OfferKey& key, Step step) {
  bool has_room = false;
  bool is_first = false;
  {
    const MutexLock lock(mutex_);
    const auto [line, is_new] = lines_.try_emplace(key);
    has_room = line->second.size() < limits::kOfferChangesWaitingMax;
    is_first = is_new;
    if (has_room) line->second.push_back(std::move(step));
  }
  if (is_first) return go_on(key);
  if (has_room) return;
  step.done(std::unexpected(OfferRefusal{.code = Code::kResourceExhausted,
                                         .why = "too much happens to this offer at once"}));
}

void OfferService::go_on(const OfferKey& key) {
  while (true) {
    Step step;
    Outcome outcome;
    {
      const MutexLock lock(mutex_);
      const auto line = lines_.find(key);
      if (line->second.empty()) return void(lines_.erase(line));
      step = std::move(line->second.front());
      line->second.pop_front();
      outcome = outcome_of(key, step);
    }
    if (outcome.is_change) return store(std::move(outcome), std::move(step.done));
    if (outcome.refusal) {
      step.done(std::unexpected(std::move(*outcome.refusal)));
    } else {
      step.done(std::move(outcome.offer));
    }
  }
}

OfferService::Outcome OfferService::outcome_of(const OfferKey& key, const Step& step) const {
  if (step.kind == Step::Kind::kPropose) return proposed(step.offer);
  const OfferRef offer = book_.find(key);
  if (step.kind == Step::Kind::kMove) {
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
            .is_change = true,
            .is_accepted = is_accepted};
  }
  if (!offer) return {};
  if (!is_over(offer->state)) {
    if (offer->expires_at > step.now) return {.offer = offer};
    return {.offer = std::make_shared<const Offer>(expire(*offer, step.now)), .is_change = true};
  }
  const bool is_old = offer->changed_at + limits::kOfferKept <= step.now;
  return {.offer = offer, .is_change = is_old, .is_forgotten = is_old};
}

OfferService::Outcome OfferService::proposed(const Offer& offer) const {
  const auto refuse = [](Code code, std::string why) {
    return Outcome{.refusal = OfferRefusal{.code = code, .why = std::move(why)}};
  };
  if (const OfferRef there = book_.find(offer.key)) {
    const bool is_same = there->to == offer.to && there->kind == offer.kind &&
                         (there->version > 1 || there->description == offer.description);
    if (!is_same) return refuse(Code::kAlreadyExists, "another offer of yours has this name");
    return {.offer = there};
  }
  if (book_.size() >= limits::kOffersMax)
    return refuse(Code::kResourceExhausted, "offers_max is reached");
  if (book_.open_from(offer.key.from) >= limits::kOffersFromEntityMax) {
    return refuse(Code::kResourceExhausted, "an entity has at most " +
                                                std::to_string(limits::kOffersFromEntityMax) +
                                                " offers that are not over");
  }
  if (book_.open_to(offer.to) >= limits::kOffersToEntityMax)
    return refuse(Code::kResourceExhausted, "'" + offer.to + "' has too many offers already");
  return {.offer = std::make_shared<const Offer>(offer), .is_change = true};
}

// What was missed is in the inbox before the offer is over: a crash between the two tries it again,
// under the same name.
void OfferService::store(Outcome outcome, Done done) {
  if (!outcome.is_forgotten && is_missed(*outcome.offer))
    return note_missed(std::move(outcome), std::move(done));
  write(std::move(outcome), std::move(done));
}

void OfferService::write(Outcome outcome, Done done) {
  const Offer& offer = *outcome.offer;
  KeyedRecord record{.key = record_key_of(offer.key), .is_tombstone = outcome.is_forgotten};
  if (!outcome.is_forgotten) record.value = wire_of(offer).SerializeAsString();
  OwnAppend::begin({.log = log_, .topic = topic_.id, .in_flight = in_flight_}, {std::move(record)},
                   [this, outcome, done = std::move(done)](const auto& result) mutable {
                     stored(outcome, std::move(done), status_of(result));
                   });
}

void OfferService::note_missed(Outcome outcome, Done done) {
  const Offer& offer = *outcome.offer;
  const engine::TopicInfo& inbox = *inboxes_.find(InboxService::kNotification);
  v1::InboxMessage message;
  message.set_kind(v1::INBOX_MESSAGE_KIND_MISSED_OFFER);
  message.set_from(offer.key.from);
  message.set_from_device(offer.from_device);
  message.set_category(std::string(InboxService::kNotification));
  message.set_message_id(offer.key.id);
  *message.mutable_offer() = wire_of(offer);
  KeyedRecord note{.key = offer.to,
                   .value = message.SerializeAsString(),
                   .once = once_name({"missed offer", offer.key.from, offer.key.id,
                                      std::to_string(micros(offer.proposed_at))})};
  OwnAppend::begin(
      {.log = log_,
       .topic = inbox.id,
       .in_flight = in_flight_,
       .partition = engine::partition_of_key(engine::as_bytes(offer.to), inbox.config.partitions)},
      {std::move(note)},
      [this, outcome, done = std::move(done),
       owner = InboxKey{.category = inbox.id, .eid = offer.to}](const auto& result) mutable {
        if (!result) return stored(outcome, std::move(done), status_of(result));
        inboxes_.hub().tell(owner);
        write(std::move(outcome), std::move(done));
      });
}

void OfferService::stored(const Outcome& outcome, Done done, const Status& status) {
  const OfferRef& offer = outcome.offer;
  if (status) {
    const MutexLock lock(mutex_);
    if (outcome.is_forgotten) {
      book_.forget(offer->key);
    } else {
      book_.put(offer);
      std::set<OfferListener*> told;
      for (const std::string* eid : {&offer->key.from, &offer->to}) {
        const auto [first, last] = listeners_.equal_range(*eid);
        for (auto at = first; at != last; ++at) told.insert(at->second);
      }
      for (OfferListener* listener : told) listener->on_changed(offer);
    }
  }
  if (status && !outcome.is_forgotten) count(outcome);
  if (status) {
    done(offer);
  } else {
    done(std::unexpected(
        OfferRefusal{.code = code_of(status.error().code), .why = status.error().message}));
  }
  go_on(offer->key);
}

void OfferService::count(const Outcome& outcome) {
  if (outcome.offer->version == 1) counters_.proposed += 1;
  if (outcome.is_accepted) counters_.accepted += 1;
  if (is_missed(*outcome.offer)) counters_.missed += 1;
}

std::vector<OfferRef> OfferService::watch(const std::string& eid, OfferListener& listener) {
  const MutexLock lock(mutex_);
  listeners_.emplace(eid, &listener);
  return book_.of(eid);
}

void OfferService::unwatch(const std::string& eid, OfferListener& listener) {
  const MutexLock lock(mutex_);
  const auto [first, last] = listeners_.equal_range(eid);
  for (auto at = first; at != last; ++at) {
    if (at->second != &listener) continue;
    listeners_.erase(at);
    return;
  }
}

std::size_t OfferService::open_offers() const {
  const MutexLock lock(mutex_);
  return book_.open();
}

void OfferService::settle() { in_flight_.wait(); }

}  // namespace bimip::frontend
